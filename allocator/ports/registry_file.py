"""Pure. The text of the registry: read strictly, written byte for byte as npm portweave writes it.

Times are ISO 8601 texts, and are compared as texts. Both tools write them in one form,
`2026-01-31T12:34:56.789Z`.
"""

from portweave.allocator.ports.model import (
    Entry,
    Key,
)
from portweave.encoding.json_text import (
    code_units,
    is_list,
    is_object,
    quote,
)

_TIME_SHAPE = "0000-00-00T00:00:00.000Z"
_ZEROS = str.maketrans("123456789", "000000000")


def entries_from(value: object) -> list[Entry]:
    """The entries of a registry, in the order of the file.

    Args:
        value: The value of the JSON text.

    Raises:
        ValueError: It is no registry. The message names the wrong entry.
    """
    fields = _object(value, "the whole")
    version = fields.get("version")
    if isinstance(version, bool) or version != 1:
        raise ValueError(f"version must be 1, and is {version!r}")
    items = fields.get("entries")
    if not is_list(items):
        raise ValueError("entries must be a list")
    entries: list[Entry] = []
    for item in items:
        try:
            entries.append(entry_from(item))
        except ValueError as error:
            raise ValueError(f"entry {len(entries) + 1}{_whose(item)}: {error}") from None
    return entries


def _object(value: object, name: str) -> dict[str, object]:
    if not is_object(value):
        raise ValueError(f"{name} must be an object")
    return value


def _whose(item: object) -> str:
    try:
        root = _text(_object(_object(item, "it").get("key"), "key"), "worktreeRoot")
    except ValueError:
        return ""
    return f" (of {root})"


def entry_from(item: object) -> Entry:
    """One entry of a registry.

    Raises:
        ValueError: It is no entry. The message says why.
    """
    fields = _object(item, "it")
    key = _object(fields.get("key"), "key")
    common_dir = key.get("gitCommonDir", 0)
    if common_dir is not None and not isinstance(common_dir, str):
        raise ValueError("key.gitCommonDir must be a text or null")
    root = _text(key, "worktreeRoot", "key.")
    matched = _text(key, "namespace", "key.")
    ports: dict[str, int] = {}
    for name, port in _object(fields.get("ports"), "ports").items():
        # There may be many ports, so the usual case is checked first.
        if type(port) is not int:
            if not isinstance(port, float) or port % 1 != 0:
                raise ValueError(f"ports.{name} must be an integer")
            port = int(port)
        ports[name] = port
    used = _text(fields, "lastUsedAt")
    if not is_time(used):
        raise ValueError("lastUsedAt must be a time, as 2026-01-31T12:34:56.789Z")
    return Entry(Key(common_dir, matched, root), used, _text(fields, "namespace"), ports)


def _text(fields: dict[str, object], name: str, where: str = "") -> str:
    value = fields.get(name)
    if not isinstance(value, str):
        raise ValueError(f"{where}{name} must be a text")  # noqa: TRY004 - of the file, not of a call
    return value


def is_time(text: str) -> bool:
    """Whether a text is a time, in the usual form or another form of ISO 8601."""
    if _has_shape(text):
        return True
    # Other forms are written by hand only, so this import is rare.
    from datetime import datetime
    from email.utils import parsedate_to_datetime

    for read in (datetime.fromisoformat, parsedate_to_datetime):
        try:
            read(text)
        except (ValueError, TypeError):
            continue
        return True
    return False


def _has_shape(text: str) -> bool:
    return (
        text.translate(_ZEROS) == _TIME_SHAPE
        and "01" <= text[5:7] <= "12"
        and "01" <= text[8:10] <= "31"
        and text[11:13] <= "24"
        and text[14:16] <= "59"
        and text[17:19] <= "59"
    )


def text_of(entries: list[Entry]) -> str:
    """The text of a registry, with entries sorted by worktree and namespace, and ports by name."""
    if not entries:
        return '{\n  "entries": [],\n  "version": 1\n}\n'
    ordered = sorted(
        entries,
        key=lambda entry: (code_units(entry.key.worktree_root), code_units(entry.key.namespace)),
    )
    items = ",\n".join(map(_entry_text, ordered))
    return f'{{\n  "entries": [\n{items}\n  ],\n  "version": 1\n}}\n'


def _entry_text(entry: Entry) -> str:
    key = entry.key
    common_dir = "null" if key.git_common_dir is None else quote(key.git_common_dir)
    names = "".join(entry.ports)
    # ASCII texts are in the order of code units already. There may be thousands of entries.
    in_order = sorted(entry.ports) if names.isascii() else sorted(entry.ports, key=code_units)
    ports = ",\n".join([f"        {quote(name)}: {entry.ports[name]}" for name in in_order])
    return (
        "    {\n"
        '      "key": {\n'
        f'        "gitCommonDir": {common_dir},\n'
        f'        "namespace": {quote(key.namespace)},\n'
        f'        "worktreeRoot": {quote(key.worktree_root)}\n'
        "      },\n"
        f'      "lastUsedAt": {quote(entry.last_used_at)},\n'
        f'      "namespace": {quote(entry.namespace)},\n'
        + (f'      "ports": {{\n{ports}\n      }}\n' if ports else '      "ports": {}\n')
        + "    }"
    )
