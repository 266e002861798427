"""Pure. The completion script for bash 3.2 (macOS) and later, without bash-completion."""

from collections.abc import Iterator
from shlex import quote

from portweave.arguments.args import SHELL_KINDS
from portweave.cli.shells.grammar import (
    Flag,
    Grammar,
    Verb,
)

_HEAD = """\
# bash completion for portweave, printed by `portweave completion bash`.

# Set what may follow a verb: its flags, the kinds of their values, its operands.
_portweave_verb() {
  flags= values= first= operands= many= command=
  case $1 in
"""
_BODY = r"""
  esac
}

# Set the kind of a flag's value; empty for a flag without a value.
_portweave_value() {
  kind=
  [[ " $values " != *" $1="* ]] || { kind=" $values "; kind=${kind#*" $1="}; kind=${kind%% *}; }
}

# Offer the words of kind $1 that begin with $2.
_portweave_offer() {
  local name rest
  case $1 in
    files)
      compopt -o default 2>/dev/null ||
        while IFS= read -r name; do COMPREPLY+=("$name"); done < <(compgen -f -- "$2")
      ;;
    folders)
      compopt -o dirnames 2>/dev/null ||
        while IFS= read -r name; do COMPREPLY+=("$name"); done < <(compgen -d -- "$2")
      ;;
    words:*)
      rest=${1#words:}
      for name in ${rest//,/ }; do
        [[ $name != "$2"* ]] || COMPREPLY+=("$name")
      done
      ;;
    names:*)
      while IFS=$'\t' read -r name rest; do
        # There is nothing to offer after the = of web=3.
        [[ $name == "$2"* && $2 != *=* ]] || continue
        [[ $name != *[=/] ]] || compopt -o nospace 2>/dev/null
        printf -v name %q "$name"
        COMPREPLY+=("$name")
      done < <("$program" __complete "${1#names:}" ${before[@]+"${before[@]}"} 2>/dev/null)
      ;;
  esac
}

# Complete the command that begins at word $1, as if it were the whole line.
_portweave_command() {
  local name
  if declare -F _comp_command_offset >/dev/null; then
    _comp_command_offset "$1"
  elif declare -F _command_offset >/dev/null; then
    _command_offset "$1"
  elif ((COMP_CWORD == $1)) && [[ $current != */* ]]; then
    while IFS= read -r name; do COMPREPLY+=("$name"); done < <(compgen -c -- "$current" | sort -u)
  else
    _portweave_offer files "$current"
  fi
}

_portweave() {
  local -a before starts
  local current word kind verb= wants= dashes= flags values first operands many command
  local program=${COMP_WORDS[0]} start= count=0 last=0 i joins=
  type -P "$program" >/dev/null || program=portweave
  COMPREPLY=()
  # Bash splits --format=json into three words.
  for ((i = 1; i <= COMP_CWORD; i++)); do
    word=${COMP_WORDS[i]//[\\\"\']/}
    [[ $word != '~/'* ]] || word=$HOME/${word#'~/'}
    if ((i > 1)) && [[ $joins || $word == = ]]; then
      before[last - 1]+=$word
      [[ $word == = ]] && joins=1 || joins=
    else
      before[last]=$word starts[last]=$i
      ((++last))
    fi
  done
  current=${before[last - 1]}
  unset "before[last - 1]"
  _portweave_verb ''
  for ((i = 0; i < last - 1; i++)); do
    word=${before[i]}
    if [[ $wants ]]; then
      wants=
      continue
    fi
    case $word in
      --)
        dashes=1
        [[ ! $command ]] || start=${starts[i + 1]}
        break
        ;;
      -*=*) ;;
      -?*)
        _portweave_value "$word"
        wants=$kind
        ;;
      *)
        if [[ ! $verb ]]; then
          verb=$word
          _portweave_verb "$verb"
        elif [[ $operands == command ]]; then
          start=${starts[i]}
          break
        else
          ((++count))
        fi
        ;;
    esac
  done
  if [[ $start ]]; then
    _portweave_command "$start"
  elif [[ $dashes ]]; then
    return
  elif [[ $wants ]]; then
    _portweave_offer "$wants" "$current"
  elif [[ $current == -*=* ]]; then
    _portweave_value "${current%%=*}"
    _portweave_offer "$kind" "${current#*=}"
    # Where = does not separate words, an offered word replaces the flag too.
    if [[ $COMP_WORDBREAKS != *=* ]]; then
      for i in "${!COMPREPLY[@]}"; do COMPREPLY[i]=${current%%=*}=${COMPREPLY[i]}; done
    fi
  elif [[ $current == -* ]]; then
    _portweave_offer "words:${flags// /,}" "$current"
  elif [[ $operands == command ]]; then
    _portweave_command "$COMP_CWORD"
  elif ((count == 0)) && [[ $first ]]; then
    _portweave_offer "$first" "$current"
  elif ((count == 0)) || [[ $many ]]; then
    _portweave_offer "$operands" "$current"
  elif [[ $command ]]; then
    _portweave_offer words:-- "$current"
  fi
}

complete -F _portweave portweave
"""


def script(grammar: Grammar) -> str:
    """Write the completion script for bash.

    Args:
        grammar: The verbs, options and values to complete.
    """
    top = [
        "    '')",
        *_tables(grammar.flags),
        f"      operands=words:{','.join(verb.name for verb in grammar.verbs)}",
        "      ;;",
    ]
    verbs = [line for verb in grammar.verbs for line in _case(verb)]
    return _HEAD + "\n".join([*top, *verbs]) + _BODY


def _case(verb: Verb) -> Iterator[str]:
    yield f"    {verb.name})"
    yield from _tables(verb.flags)
    operands = verb.operands
    if operands.first:
        yield f"      first={_kind(operands.first)}"
    if operands.values:
        yield f"      operands={_kind(operands.values)}"
    marks = [name for name in ("many", "command") if getattr(operands, name)]
    if marks:
        yield "      " + " ".join(f"{mark}=1" for mark in marks)
    yield "      ;;"


def _tables(flags: tuple[Flag, ...]) -> Iterator[str]:
    # A bare `--` ends the options; the script offers it where a command follows.
    if flags:
        yield f"      flags={quote(' '.join(word for flag in flags for word in flag.spellings))}"
    values = [f"{w}={_kind(f.values)}" for f in flags if f.metavar for w in f.spellings]
    if values:
        yield f"      values={quote(' '.join(values))}"


def _kind(values: str | tuple[str, ...]) -> str:
    if not isinstance(values, str):
        return f"words:{','.join(values)}"
    # `any`: the option has a value, but there is nothing to offer for it.
    if values in SHELL_KINDS:
        return values
    return f"names:{values}" if values else "any"
