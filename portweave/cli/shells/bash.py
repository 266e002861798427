"""Pure. The script for bash, from 3.2 (macOS) on; the package bash-completion is not needed."""

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

# What may follow a verb: its flags, the kinds of their values, its operands.
_portweave_verb() {
  flags= values= first= operands= many= command=
  case $1 in
"""
_BODY = r"""
  esac
}

# What the value of a flag may be; empty for one that has none.
_portweave_value() {
  kind=
  [[ " $values " != *" $1="* ]] || { kind=" $values "; kind=${kind#*" $1="}; kind=${kind%% *}; }
}

# Offer what is of a kind and begins with $2.
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
        # Behind the = of web=3 there is nothing to be said.
        [[ $name == "$2"* && $2 != *=* ]] || continue
        [[ $name != *[=/] ]] || compopt -o nospace 2>/dev/null
        printf -v name %q "$name"
        COMPREPLY+=("$name")
      done < <("$program" __complete "${1#names:}" ${before[@]+"${before[@]}"} 2>/dev/null)
      ;;
  esac
}

# Complete the command that begins with word $1 as if nothing stood before it.
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
  # Bash takes --format=json for three words.
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
    # Where = does not begin a word, what is offered replaces the flag as well.
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
    """The script.

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
    # A bare `--` ends the options; it is offered where a command follows.
    if flags:
        yield f"      flags={quote(' '.join(word for flag in flags for word in flag.spellings))}"
    values = [f"{w}={_kind(f.values)}" for f in flags if f.metavar for w in f.spellings]
    if values:
        yield f"      values={quote(' '.join(values))}"


def _kind(values: str | tuple[str, ...]) -> str:
    if not isinstance(values, str):
        return f"words:{','.join(values)}"
    # `any`: it has a value, of which nothing can be said.
    if values in SHELL_KINDS:
        return values
    return f"names:{values}" if values else "any"
