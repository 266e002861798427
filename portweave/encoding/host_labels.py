"""Labels of host names, made of the names of services, worktrees and projects.

RFC 1123, section 2.1: letters, digits and hyphens, no hyphen at an end, at most 63 characters.
"""

LONGEST = 63
_LETTERS = frozenset("abcdefghijklmnopqrstuvwxyz0123456789-")


def label(text: str) -> str:
    """A text as one label, in lower case; empty if nothing is left of it.

    Other characters, underscores and dots among them, become hyphens.
    """
    dashed = "".join(char if char in _LETTERS else "-" for char in text.lower())
    return dashed[:LONGEST].strip("-")


def is_hostname(text: str) -> bool:
    """Whether a text is labels with dots between them, apart from upper case and underscores."""
    return all(part and label(part) == part for part in text.lower().replace("_", "-").split("."))


def hostname(text: str) -> str:
    """A text as labels with dots between them; empty labels are left out."""
    return ".".join(filter(None, map(label, text.split("."))))


def instance_host(service: str, number: int) -> str:
    """The part of a host name for an instance of a service: `web`, `web-2`.

    Args:
        service: The service's hostname, or its name.
        number: The instance's number, from 1.
    """
    name = hostname(service) or "service"
    if number == 1:
        return name
    first, dot, rest = name.partition(".")
    return f"{first}-{number}{dot}{rest}"
