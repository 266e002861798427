"""Pure. Names of worktrees, services and instances."""

TYPE_CHECKING = False  # `typing` costs as much as the work
if TYPE_CHECKING:
    from collections.abc import Mapping

MAIN = "main"
# Digits of a path's digest, at the end of a linked worktree's namespace.
HASH_DIGITS = 8
BLANKS = " \t\n\r\v\f"
LARGEST_OFFSET = 2**53 - 1

_SLUG_LENGTH = 40
_SLUG_CHARACTERS = frozenset("abcdefghijklmnopqrstuvwxyz0123456789")
_DIGITS = frozenset("0123456789")
_HEX = frozenset("0123456789abcdef")


def slug(text: str, default: str = MAIN) -> str:
    """Make a name of lower-case ASCII letters, digits and dashes, of at most 40 characters.

    Dashes at the ends are removed before it is cut, so a long one may end in a dash.

    Args:
        text: Any text.
        default: The name if the text has neither ASCII letters nor digits.
    """
    dashed = "".join(char if char in _SLUG_CHARACTERS else " " for char in text.lower())
    return "-".join(dashed.split())[:_SLUG_LENGTH] or default


def namespace_of(root: str, main_root: str) -> str:
    """The namespace of a worktree.

    It is `main`, or for a linked worktree its folder's name and a part of its path's hash.

    Args:
        root: The worktree's root.
        main_root: The root of the project's main worktree.
    """
    if root == main_root:
        return MAIN
    return f"{slug(root.rpartition('/')[2])}-{path_digest(root)[:HASH_DIGITS]}"


def slug_of(namespace: str) -> str:
    """A namespace without the hash at its end, if it has one."""
    name, _, digits = namespace.rpartition("-")
    is_hash = len(digits) == HASH_DIGITS and _HEX.issuperset(digits)
    return name if name and is_hash else namespace


def is_own_namespace(namespace: str, root: str) -> bool:
    """Whether a worktree at `root` could have this namespace by itself. Reads no file."""
    return namespace == MAIN or namespace.endswith(f"-{path_digest(root)[:HASH_DIGITS]}")


def path_digest(text: str) -> str:
    """The SHA-1 of a path, in hexadecimal: it keeps names of different worktrees apart."""
    # hashlib loads OpenSSL, which costs more than the work.
    try:
        sha1 = __import__("_sha1").sha1
    except ImportError:
        from hashlib import sha1
    return str(sha1(text.encode("utf-8", "surrogateescape"), usedforsecurity=False).hexdigest())


def chosen_namespace(environ: "Mapping[str, str]", root: str) -> str | None:
    """The namespace that the user chose by `PORTWEAVE_NAMESPACE`; None for the worktree's own.

    An outer portweave may have set the variable. Its value is ignored if it is for another
    worktree.
    """
    text = environ.get("PORTWEAVE_NAMESPACE", "").strip(BLANKS)
    if not text:
        return None
    outer = environ.get("PORTWEAVE_WORKTREE")
    if outer is None:
        return slug(text)
    return text if outer == root else None


def offset_from(text: str) -> int | None:
    """The value of `PORTWEAVE_OFFSET`; None for a blank one.

    Raises:
        ValueError: It is not a plain decimal integer, or too large.
    """
    digits = text.strip(BLANKS)
    if not digits:
        return None
    if not _DIGITS.issuperset(digits):
        raise ValueError(f'PORTWEAVE_OFFSET must be a non-negative integer (got "{text}")')
    # Python refuses to convert a text of thousands of digits.
    if len(digits.lstrip("0")) > len(str(LARGEST_OFFSET)) or int(digits) > LARGEST_OFFSET:
        raise ValueError(
            "PORTWEAVE_OFFSET must be a non-negative integer within Number.MAX_SAFE_INTEGER"
            f' (got "{text}")'
        )
    return int(digits)


def instance_name(service: str, number: int) -> str:
    """The name of a service's instance: `web` for the first, `web.2` for the second."""
    return service if number == 1 else f"{service}.{number}"


def full_name(instance: str, namespace: str) -> str:
    """The name of an instance among all worktrees of its project: `web.2-main`."""
    return f"{instance}-{namespace}"


def project_name(main_root: str) -> str:
    """The name of a project without a `projectName`: that of its main worktree's folder.

    Args:
        main_root: The main worktree's root, or the repository itself if it is bare.
    """
    *folders, last = [""] + [part for part in main_root.split("/") if part]
    if last in {".git", ".bare"} and folders:
        last = folders[-1]
    return last.removesuffix(".git") or "project"
