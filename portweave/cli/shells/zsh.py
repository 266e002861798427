"""Pure. The completion script for zsh: a file on `fpath`, or a sourced script."""

from collections.abc import Iterator
from shlex import quote

from portweave.arguments.args import SHELL_KINDS
from portweave.cli.shells.grammar import (
    Flag,
    Grammar,
    Verb,
)

_HEAD = """\
#compdef portweave
# zsh completion for portweave, printed by `portweave completion zsh`.

# Offer the names of a kind, each with its description.
_portweave_names() {
  local name about program=$line_program
  local -a names open
  while IFS=$'\\t' read -r name about; do
    # The word continues after NAME= and NAME/.
    if [[ $name == *[=/] ]]; then
      open+=("${name//:/\\\\:}:$about")
    else
      names+=("${name//:/\\\\:}:$about")
    fi
  done < <("$program" __complete "$1" "${line_before[@]}" 2>/dev/null)
  (( ! $#names )) || _describe -t "$1" "$1" names
  (( ! $#open )) || _describe -t "$1" "$1" open -S ''
}

_portweave_verbs() {
  local -a verbs=(
"""
_MIDDLE = """\
  )
  _describe -t commands 'portweave command' verbs
}

_portweave() {
  local curcontext="$curcontext" context state state_descr line
  typeset -A opt_args
  local line_program=${(Q)words[1]}
  local -a line_before=("${(@Q)words[2,CURRENT-1]}")
  whence -p -- $line_program >/dev/null || line_program=portweave
  # -A: options after the verb belong to the verb.
  _arguments -C -A '-*' \\
"""
_NEXT = """\
    '1: :_portweave_verbs' \\
    '*:: :->words' && return 0
  [[ $state == words ]] || return 1
  local dashes=${words[(i)--]}
  case $words[1] in
"""
_TAIL = """\
    *) return 1 ;;
  esac
}

# As a file on fpath, zsh calls the function; a sourced script has to register it.
if [[ $funcstack[1] == _portweave ]]; then
  _portweave "$@"
else
  compdef _portweave portweave
fi
"""
_COMMAND = """\
      if (( dashes < CURRENT )); then
        words=("${(@)words[dashes+1,-1]}")
        (( CURRENT -= dashes ))
        _normal
        return
      fi
"""


def script(grammar: Grammar) -> str:
    """Write the completion script for zsh.

    Args:
        grammar: The verbs, options and values to complete.
    """
    verbs = [f"    {quote(f'{verb.name}:{verb.about}')}\n" for verb in grammar.verbs]
    top = [f"    {spec} \\\n" for flag in grammar.flags for spec in _specs(flag)]
    cases = [_case(verb) for verb in grammar.verbs]
    return "".join([_HEAD, *verbs, _MIDDLE, *top, _NEXT, *cases, _TAIL])


def _case(verb: Verb) -> str:
    specs = [spec for flag in verb.flags for spec in _specs(flag)]
    specs += _operands(verb)
    lines = " \\\n".join(f"        {spec}" for spec in specs)
    command = _COMMAND if verb.operands.command else ""
    return f"    {verb.name})\n{command}      _arguments -S \\\n{lines}\n      ;;\n"


def _operands(verb: Verb) -> Iterator[str]:
    operands = verb.operands
    if operands.first:
        yield quote(f"1: :{_action(operands.first)}")
    if operands.values == "command":
        # The words after the first belong to the command, not to portweave.
        yield "'(-)*:: :_normal'"
    elif operands.values:
        place = "*" if operands.many else "1"
        yield quote(f"{place}: :{_action(operands.values)}")
    if operands.command and operands.values != "command":
        yield "'2: :(--)'"


def _specs(flag: Flag) -> Iterator[str]:
    """A spec of `_arguments` for each spelling (zshcompsys(1))."""
    about = flag.about.translate(_ESCAPED)
    before = "*" if flag.many else f"({' '.join(flag.spellings)})"
    for spelling in flag.spellings:
        if not flag.metavar:
            yield quote(f"{before}{spelling}[{about}]")
            continue
        sign = "=" if spelling.startswith("--") else "+"
        name = flag.metavar.translate(_ESCAPED)
        yield quote(f"{before}{spelling}{sign}[{about}]:{name}:{_action(flag.values)}")


# Characters that end a text of a spec or begin the next one.
_ESCAPED = str.maketrans({char: f"\\{char}" for char in "\\[]:"})


def _action(values: str | tuple[str, ...]) -> str:
    if not isinstance(values, str):
        return f"({' '.join(values)})"
    if values in SHELL_KINDS:
        return {"files": "_files", "folders": "_files -/", "command": "_normal"}[values]
    # The blank in front: `_arguments` adds no flags of compadd to such an action.
    return f" _portweave_names {values}" if values else " "
