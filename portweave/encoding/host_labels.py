"""Labels of host names: what names of services, worktrees and projects become in a URL.

RFC 1123, section 2.1: letters, digits and hyphens, no hyphen at an end, 63 characters at the most.
"""

LONGEST = 63
_LETTERS = frozenset("abcdefghijklmnopqrstuvwxyz0123456789-")


def label(text: str) -> str:
    """A text as one label; empty where nothing of it can stand in one.

    Lower case; what cannot stand there, underscores and dots too, becomes a hyphen.
    """
    dashed = "".join(char if char in _LETTERS else "-" for char in text.lower())
    return dashed[:LONGEST].strip("-")


def is_hostname(text: str) -> bool:
    """Whether a text is a label, or several with dots between them, but for its case and `_`."""
    return all(part and label(part) == part for part in text.lower().replace("_", "-").split("."))


def hostname(text: str) -> str:
    """A text as labels with dots between them; those of which nothing is left are left out."""
    return ".".join(filter(None, map(label, text.split("."))))


def instance_host(service: str, number: int) -> str:
    """The part of a route's name that tells a service's instance: `web`, `web-2`.

    Args:
        service: The service's hostname, or its own name.
        number: Which of its instances, from 1.
    """
    name = hostname(service) or "service"
    if number == 1:
        return name
    first, dot, rest = name.partition(".")
    return f"{first}-{number}{dot}{rest}"
