"""Pure. Write variables as texts that a shell or a reader of `.env` files reads back unchanged."""

TYPE_CHECKING = False  # `typing` costs as much as the work
if TYPE_CHECKING:
    from collections.abc import Mapping

_LETTERS = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_")
_NAME = _LETTERS | frozenset("0123456789")
# Characters without a special meaning to any reader of such files.
_PLAIN = _NAME | frozenset("%+,-./:=@")
# Characters without a special meaning between single quotes.
_QUOTABLE = _PLAIN | frozenset(" !&()*;<>?[]^{|}~")
# A shell sets these itself. An assignment is an error that ends a script; in zsh, an assignment to
# one of the user ids changes the user.
_READ_ONLY = frozenset(
    {
        "BASHOPTS",
        "BASHPID",
        "BASH_VERSINFO",
        "EGID",
        "EUID",
        "GID",
        "PPID",
        "SHELLOPTS",
        "UID",
        "USERNAME",
    }
)


def is_identifier(name: str) -> bool:
    """Whether a shell accepts `name` as a variable's name."""
    return bool(name) and name[0] in _LETTERS and _NAME.issuperset(name)


def as_shell(env: "Mapping[str, str]") -> tuple[str, list[str]]:
    """Return lines for `eval` in a POSIX shell: `export NAME='value'`.

    Returns:
        The text, and the names of variables that no shell can set.
    """
    lines: list[str] = []
    left_out: list[str] = []
    for name in sorted(env):
        if is_identifier(name) and name not in _READ_ONLY:
            # Between single quotes, only the quote has a special meaning.
            value = env[name].replace("'", "'\\''")
            lines.append(f"export {name}='{value}'\n")
        else:
            left_out.append(name)
    return "".join(lines), left_out


def as_dotenv(env: "Mapping[str, str]") -> tuple[str, list[str]]:
    """Return lines of a `.env` file that read back unchanged.

    Returns:
        The text, and the names of variables that such a file cannot hold.
    """
    lines: list[str] = []
    left_out: list[str] = []
    for name in sorted(env):
        line = _dotenv_line(name, env[name])
        if line is None:
            left_out.append(name)
        else:
            lines.append(f"{line}\n")
    return "".join(lines), left_out


def _dotenv_line(name: str, value: str) -> str | None:
    if not is_identifier(name):
        return None
    if _PLAIN.issuperset(value):
        return f"{name}={value}"
    if _QUOTABLE.issuperset(value):
        return f"{name}='{value}'"
    # Imported here, as few values need it.
    from portweave.errors import DotenvError
    from portweave.procfiles.dotenv import parse
    from portweave.procfiles.overrides import read

    try:
        value.encode()
    except UnicodeEncodeError:  # bytes that are not UTF-8
        return None
    # Other readers expand values in double quotes and bare values. Our own reader decides which of
    # the two forms can hold a value.
    for line in (f"{name}='{value}'", f'{name}="{value}"'):
        try:
            # Both readers: for any variable, and for a variable with a port.
            if parse(line).values == read(line, "", {name}) == {name: value}:
                return line
        except DotenvError:
            continue
    return None
