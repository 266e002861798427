"""Pure. Read the arguments of a command line.

`argparse` is not used: importing it and building a parser takes longer than a bare interpreter
takes to start. Long options are `--name value` and `--name=value`, short ones `-f value` and
`-fvalue`. Short switches may be joined with other short options (`-fn 5`: POSIX.1, 12.2,
guideline 5). A word that begins with `-` and is no option is an error.
"""

from portweave import errors
from portweave.encoding.value import value

# What shells complete by themselves.
SHELL_KINDS = ("files", "folders", "command")
# What shells complete by `portweave __complete`.
NAME_KINDS = (
    "addresses",  # of calls
    "aliases",
    "codes",  # of errors
    "counts",  # NAME= for `scale`
    "idle",  # services that do not run
    "leases",
    "logged",  # services that have logs, or may get some
    "profiles",
    "running",  # services that do run
    "services",  # of the definition file
    "stacked",  # services of the stack, in any state
    "stacks",
)
KINDS = (*SHELL_KINDS, *NAME_KINDS)


class Option:
    """One option of the command line.

    Attributes:
        flags: Its spellings, such as `("-d", "--detach")`.
        dest: Its name in `Args`.
        metavar: The name of its value in help texts; None for a switch.
        help: One line of help.
        many: Whether it may be given several times; `Args` then holds a list.
        bare: Whether its value is optional, and then given only as `--name=value`.
        values: Its possible values, for completion: the words, or one of `KINDS`; empty if unknown.
        group: The heading above it in help texts; empty for `Options`.
    """

    __slots__ = ("bare", "dest", "flags", "group", "help", "many", "metavar", "values")

    def __init__(
        self,
        *flags: str,
        about: str,
        metavar: str | None = None,
        dest: str = "",
        many: bool = False,
        bare: bool = False,
        values: "str | tuple[str, ...]" = "",
        group: str = "",
    ) -> None:
        self.flags = flags
        self.dest = dest or flags[-1].lstrip("-").replace("-", "_")
        self.metavar = metavar
        self.help = about
        self.many = many
        self.bare = bare
        self.values = values
        self.group = group

    @property
    def placeholder(self) -> str:
        """The value's placeholder in help texts."""
        if self.metavar is None:
            return ""
        return f"[={self.metavar}]" if self.bare else f" {self.metavar}"


@value
class Operands:
    """The possible operands of a verb, for completion.

    Attributes:
        values: The words, or one of `KINDS`. `command` means that the operands are a command and
            its arguments.
        many: Whether there may be several.
        command: Whether the words after `--` are a command.
        first: The first operand's possible values, if they differ.
    """

    values: "str | tuple[str, ...]" = ""
    many: bool = False
    command: bool = False
    first: tuple[str, ...] = ()


class Args:
    """The arguments of a command line: options by `dest`, operands, and the words after `--`.

    Attributes:
        operands: Words that are neither options nor their values.
        rest: The words after the first `--`; None without `--`.
        unread: The words of `run` from its command on, with the `--` before it.
        verb: The verb; empty before it is read.
    """

    def __init__(self) -> None:
        # All values of each option; for a switch, empty texts.
        self._values: dict[str, list[str]] = {}
        self.operands: list[str] = []
        self.rest: list[str] | None = None
        self.unread: list[str] = []
        self.verb = ""

    def set(self, option: Option, value: str | None) -> None:
        """Set an option. A repeated one replaces the value, or adds one (`many`)."""
        before = self._values.get(option.dest, []) if option.many else []
        self._values[option.dest] = [*before, value or ""]

    def flag(self, dest: str) -> bool:
        """Whether a switch was given."""
        return dest in self._values

    def text(self, dest: str) -> str | None:
        """The value of an option; None if it was not given."""
        values = self._values.get(dest)
        return values[-1] if values else None

    def texts(self, dest: str) -> list[str]:
        """All values of a repeatable option."""
        return self._values.get(dest, [])


def parse(
    words: list[str], options: tuple[Option, ...], args: Args, *, stop_at_operand: bool = False
) -> list[str]:
    """Read options and operands from `words` into `args`.

    Args:
        words: The words to read.
        options: The known options.
        args: Gets what was found.
        stop_at_operand: Whether to stop at the first operand, or the first unknown option.

    Returns:
        The unread words: empty unless `stop_at_operand` has ended the reading.

    Raises:
        UsageError: An unknown option, a missing value, or a value for a switch.
    """
    by_flag = {flag: option for option in options for flag in option.flags}
    position = 0
    while position < len(words):
        word = words[position]
        if word == "--":
            if stop_at_operand:
                return words[position:]
            args.rest = words[position + 1 :]
            return []
        if not word.startswith("-") or word == "-":
            if stop_at_operand:
                return words[position:]
            args.operands.append(word)
            position += 1
            continue
        flag, value = _split(word)
        option = by_flag.get(flag)
        if option is not None and value and _is_group(word, by_flag):
            # Read the switch alone, then the rest.
            words = [*words[:position], flag, f"-{value}", *words[position + 1 :]]
            value = None
        if option is None:
            if stop_at_operand:
                return words[position:]
            raise errors.UsageError(
                f"unknown option '{flag if flag.startswith('--') else word}'",
                hint=_nearest(flag, by_flag),
            )
        position += 1
        if option.metavar is None:
            if value is not None:
                raise errors.UsageError(f"option '{flag}' takes no value")
        elif value is None and not option.bare:
            if position == len(words):
                raise errors.UsageError(
                    f"option '{flag} <{option.metavar.lower()}>' argument missing"
                )
            value = words[position]
            position += 1
        args.set(option, value)
    return []


def _split(word: str) -> tuple[str, str | None]:
    if word.startswith("--"):
        flag, equals, value = word.partition("=")
        return flag, value if equals else None
    return word[:2], word[2:] or None


def _is_group(word: str, by_flag: dict[str, Option]) -> bool:
    """Whether a word is a short switch joined with other short options, all of them known."""
    if word.startswith("--"):
        return False
    for letter in word[1:]:
        option = by_flag.get(f"-{letter}")
        if option is None:
            return False
        if option.metavar is not None:
            break
    return by_flag[word[:2]].metavar is None


def _nearest(flag: str, by_flag: dict[str, Option]) -> str | tuple[str, ...]:
    # Importing difflib costs as much as the command, so only errors do.
    from difflib import get_close_matches

    found = get_close_matches(flag, by_flag, n=1)
    return f"did you mean {found[0]}?" if found else ()
