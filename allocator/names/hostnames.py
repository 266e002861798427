"""Pure. Host names, as users type them and as a request's Host has them."""

from portweave import errors

TLD = "localhost"
# The panel's host name. No service can have it, because theirs have at least one label more.
PANEL_HOST = f"portweave.{TLD}"
LONGEST_LABEL = 63  # RFC 1035, section 2.3.4
LONGEST_NAME = 253

_ENDS = frozenset("abcdefghijklmnopqrstuvwxyz0123456789")
_MIDDLE = _ENDS | {".", "-"}
# What JavaScript takes for blanks. Python lacks the byte order mark, and has four separators more.
_BLANKS = "\t\n\v\f\r \xa0\u1680\u2028\u2029\u202f\u205f\u3000\ufeff" + "".join(
    map(chr, range(0x2000, 0x200B))
)


def parse_hostname(text: str, tld: str = TLD) -> str:
    """The full host name for what a user types: `API`, `api.localhost`, `http://api/x`.

    The rules are portless's: blanks around it, a leading `http://` or `https://`, and all from the
    first slash on are dropped. `tld` is added unless it is there.

    Args:
        text: What the user types.
        tld: The last label.

    Raises:
        HostnameError: It is no host name.
    """
    name = text.strip(_BLANKS)
    for scheme in ("http://", "https://"):
        if name.startswith(scheme):
            name = name[len(scheme) :]
            break
    name = name.partition("/")[0]
    # Only ASCII: other letters are refused, and the Kelvin sign must not become a k.
    name = "".join(char.lower() if char.isascii() else char for char in name)
    suffix = f".{tld}"
    full = name if name.endswith(suffix) else name + suffix
    base = full[: -len(suffix)]
    if not base:
        raise errors.HostnameError("Hostname cannot be empty")
    if ".." in base:
        raise errors.HostnameError(f'Invalid hostname "{base}": consecutive dots are not allowed')
    if base[0] not in _ENDS or base[-1] not in _ENDS or not _MIDDLE.issuperset(base):
        raise errors.HostnameError(
            f'Invalid hostname "{base}":'
            " must contain only lowercase letters, digits, hyphens, and dots"
        )
    for label in base.split("."):
        if len(label) > LONGEST_LABEL:
            raise errors.HostnameError(
                f'Invalid hostname "{base}": label "{label}"'
                f" exceeds {LONGEST_LABEL}-character DNS limit"
            )
    if len(full) > LONGEST_NAME:
        raise errors.HostnameError(
            f'Invalid hostname "{full}": exceeds {LONGEST_NAME}-character DNS limit'
        )
    return full
