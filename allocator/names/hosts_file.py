"""Pure. The text of /etc/hosts: a marked block of names, and which names need it.

Browsers resolve `*.localhost` by themselves (RFC 6761, section 6.3). Safari and most programs ask
the system: hosts(5), nsswitch.conf(5), nss-myhostname(8).
"""

TYPE_CHECKING = False  # `typing` costs as much as the work
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

BEGIN = "# portweave begin"
END = "# portweave end"
_ADDRESS = "127.0.0.1"
# Modules of nsswitch.conf that resolve every name below localhost.
_KNOWING = frozenset({"myhostname", "resolve"})


def block(names: "Iterable[str]") -> str:
    """The block with these names, with a newline at its end; empty without names."""
    lines = [f"{_ADDRESS} {name}\n" for name in dict.fromkeys(names)]
    return f"{BEGIN}\n{''.join(lines)}{END}\n" if lines else ""


def without_block(text: str) -> str:
    """The text without portweave's block. All other text stays as it is."""
    kept: list[str] = []
    inside: list[str] = []
    for line in text.splitlines(keepends=True):
        mark = line.strip()
        if mark == BEGIN:
            # The user has removed the end mark, so the lines are the user's now.
            kept += inside
            inside = [line]
        elif not inside:
            kept.append(line)
        elif mark == END:
            inside = []
        else:
            inside.append(line)
    return "".join(kept + inside)


def with_block(text: str, names: "Iterable[str]") -> str:
    """The text with a block of these names at its end, instead of the old block."""
    rest = without_block(text)
    if rest and not rest.endswith("\n"):
        rest += "\n"
    return rest + block(names)


def unresolved(names: "Sequence[str]", hosts: str, nsswitch: str | None) -> list[str]:
    """The names that this system's resolver does not find.

    Args:
        names: Names below localhost.
        hosts: The text of /etc/hosts.
        nsswitch: The text of /etc/nsswitch.conf; None if there is no such file.
    """
    for line in (nsswitch or "").split("\n"):
        database, colon, services = line.partition("#")[0].partition(":")
        if colon and database.strip() == "hosts" and _KNOWING & set(services.split()):
            return []
    written = {
        name.lower() for line in hosts.split("\n") for name in line.partition("#")[0].split()[1:]
    }
    return [name for name in names if name.lower() not in written]
