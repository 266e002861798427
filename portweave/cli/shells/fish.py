"""Pure. The completion script for fish 3.0 and later."""

from collections.abc import Iterator

from portweave.arguments.args import SHELL_KINDS
from portweave.cli.shells.grammar import (
    Flag,
    Grammar,
    Verb,
)

_HEAD = r"""# fish completion for portweave, printed by `portweave completion fish`.

# Print the options of a verb whose value is the next word.
function __portweave_valued
    switch "$argv[1]"
"""
_BODY = r"""
    end
end

# Set __portweave_at: the verb, its number of operands, and the index of its command's first word.
# The condition of each option needs it, so it is kept until the line changes.
function __portweave_place
    set -l words (commandline -opc)
    test "$words" = "$__portweave_words"; and return
    set -g __portweave_words $words
    set -l verb ''
    set -l count 0
    set -l valued (__portweave_valued '')
    set -l skips 0
    for i in (seq 2 (count $words))
        set -l word $words[$i]
        if test $skips = 1
            set skips 0
            continue
        end
        switch $word
            case --
                set -g __portweave_at "$verb" $count (math $i + 1)
                return
            case '-*=*'
            case '-?*'
                contains -- $word $valued; and set skips 1
            case '*'
                if test -z "$verb"
                    set verb $word
                    set valued (__portweave_valued $verb)
                else if test $verb = run
                    set -g __portweave_at $verb $count $i
                    return
                else
                    set count (math $count + 1)
                end
        end
    end
    set -g __portweave_at "$verb" $count 0
end

# Whether an option of the verb may be here; for "", an option before the verb.
function __portweave_is
    __portweave_place
    test "$__portweave_at[1]" = "$argv[1]" -a $__portweave_at[3] = 0
end

# Whether the operand after $argv[2] others may be here.
function __portweave_nth
    __portweave_place
    test "$__portweave_at" = "$argv[1] $argv[2] 0"
end

# Whether an operand after the first may be here.
function __portweave_later
    __portweave_place
    test "$__portweave_at[1]" = "$argv[1]" -a $__portweave_at[2] -gt 0 -a $__portweave_at[3] = 0
end

# Whether a command may be here, after --.
function __portweave_behind
    __portweave_place
    test "$__portweave_at[1]" = "$argv[1]" -a $__portweave_at[3] != 0
end

# Print the names of a kind, each with its description.
function __portweave_names
    set -l words (commandline -opc)
    set -l program $words[1]
    command -q $program; or set program portweave
    command $program __complete $argv[1] $words[2..-1] 2>/dev/null
end

# Print the shell's own completions for the command after portweave's words.
function __portweave_command
    set -l words (commandline -opc)
    __portweave_place
    set -l start $__portweave_at[3]
    set -l rest
    if test $start != 0; and test $start -le (count $words)
        set rest (string escape -- $words[$start..-1])
    end
    complete -C (string join ' ' -- $rest (commandline -ct))
end

complete -c portweave -e
complete -c portweave -f
"""


def script(grammar: Grammar) -> str:
    """Write the completion script for fish.

    Args:
        grammar: The verbs, options and values to complete.
    """
    valued = [*_valued("", grammar.flags)]
    for verb in grammar.verbs:
        valued += _valued(verb.name, verb.flags)
    lines = [_flag("", flag) for flag in grammar.flags]
    lines += [f"{_at('is', '')} -a {v.name} -d {_quoted(v.about)}" for v in grammar.verbs]
    for verb in grammar.verbs:
        lines += [_flag(verb.name, flag) for flag in verb.flags]
        lines += _operands(verb)
    return _HEAD + "\n".join(valued) + _BODY + "\n".join(lines) + "\n"


def _valued(verb: str, flags: tuple[Flag, ...]) -> Iterator[str]:
    words = [word for flag in flags if flag.metavar for word in flag.spellings]
    if words:
        yield f"        case {_quoted(verb)}\n            printf '%s\\n' {' '.join(words)}"


def _at(where: str, verb: str) -> str:
    condition = f"__portweave_{where} {verb or _EMPTY}"
    return f"complete -c portweave -n {_quoted(condition)}"


_EMPTY = '""'


def _flag(verb: str, flag: Flag) -> str:
    words = [_at("is", verb)]
    for spelling in flag.spellings:
        name = spelling.lstrip("-")
        words.append(f"-l {name}" if spelling.startswith("--") else f"-s {name}")
    if flag.metavar:
        words.append(_value(flag.values))
    return " ".join([*words, "-d", _quoted(flag.about)])


def _operands(verb: Verb) -> Iterator[str]:
    operands = verb.operands
    if operands.first:
        yield f"{_at('nth', f'{verb.name} 0')} {_words(operands.first)}"
    many = "later" if operands.first else "is"
    at = _at(many, verb.name) if operands.many else _at("nth", f"{verb.name} 0")
    if operands.values == "command":
        yield f"{at} -a '(__portweave_command)'"
    elif operands.values:
        yield f"{at} {_words(operands.values)}"
    if operands.command:
        if operands.values != "command":
            yield f"{_at('nth', f'{verb.name} 1')} -a --"
        yield f"{_at('behind', verb.name)} -a '(__portweave_command)'"


def _value(values: str | tuple[str, ...]) -> str:
    # -x: a value that is not a file; -r -F: a value that is a file.
    if values == "files":
        return "-r -F"
    return f"-x {_words(values)}".rstrip()


def _words(values: str | tuple[str, ...]) -> str:
    if not isinstance(values, str):
        return f"-a {_quoted(' '.join(values))}"
    if values in SHELL_KINDS:
        return "-a '(__fish_complete_directories)'"
    return f"-a '(__portweave_names {values})'" if values else ""


def _quoted(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"
