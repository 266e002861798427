"""Pure. Variables as texts that a shell, or a reader of `.env` files, takes back as they were."""

TYPE_CHECKING = False  # `typing` costs as much as the work
if TYPE_CHECKING:
    from collections.abc import Mapping

_LETTERS = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_")
_NAME = _LETTERS | frozenset("0123456789")
# What means itself wherever it stands, to every reader of such files.
_PLAIN = _NAME | frozenset("%+,-./:=@")
# A shell sets these itself; an assignment to one of them is an error that ends a script, or, in
# zsh, asks the kernel for another user.
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
    """Whether a shell takes `name` for that of a variable."""
    return bool(name) and name[0] in _LETTERS and _NAME.issuperset(name)


def as_shell(env: "Mapping[str, str]") -> tuple[str, list[str]]:
    """Lines for `eval` in a POSIX shell, `export NAME='value'`.

    Returns:
        The text, and the names of what no shell could set.
    """
    lines: list[str] = []
    left_out: list[str] = []
    for name in sorted(env):
        if is_identifier(name) and name not in _READ_ONLY:
            # Between single quotes nothing has a meaning but the quote.
            value = env[name].replace("'", "'\\''")
            lines.append(f"export {name}='{value}'\n")
        else:
            left_out.append(name)
    return "".join(lines), left_out


def as_dotenv(env: "Mapping[str, str]") -> tuple[str, list[str]]:
    """Lines of a `.env` file that read back as they were.

    Returns:
        The text, and the names of what such a file has no way to say.
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
    from portweave.errors import DotenvError
    from portweave.procfiles.dotenv import parse
    from portweave.procfiles.overrides import read

    try:
        value.encode()
    except UnicodeEncodeError:  # bytes that are no text
        return None
    # Other readers expand what stands between double quotes, or bare. Which of the two can hold a
    # value, the reader itself knows best.
    for line in (f"{name}='{value}'", f'{name}="{value}"'):
        try:
            # Whether or not it is the variable of a port.
            if parse(line).values == read(line, "", {name}) == {name: value}:
                return line
        except DotenvError:
            continue
    return None
