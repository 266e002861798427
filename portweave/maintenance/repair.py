"""Rebuild a damaged registry from all other sources.

The first source is the entries in the file that still parse, then the previous version of the file,
then each worktree's `.portweave/current.env`. The first source that has a port wins.
"""

import json
import os
import re
import time
from collections.abc import Iterable, Iterator, Mapping
from glob import escape, glob

from portweave.allocator.ports.blocks import update
from portweave.allocator.ports.model import (
    Entry,
    Key,
)
from portweave.allocator.ports.registry import (
    load,
    store,
)
from portweave.allocator.ports.registry_file import entry_from
from portweave.allocator.worktree import locate
from portweave.encoding.json_text import (
    is_list,
    is_object,
)
from portweave.errors import PortweaveError, RegistryDamagedError, RegistryUnwritableError
from portweave.maintenance.findings import shared_ports
from portweave.procfiles.load import load as load_definitions
from portweave.procfiles.load import read_env_file
from portweave.system.files import (
    read_all,
    remove_all,
    sync_folder,
    write_new,
)
from portweave.system.registry_lock import Lock

_ENTRY = re.compile(r'\{\s*"key"\s*:')
_ROOT = re.compile(r'"worktreeRoot"\s*:\s*("(?:[^"\\\n]|\\.)*")')
# A rebuilt entry has been used at some time, but it is unknown when.
_LONG_AGO = "2000-01-01T00:00:00.000Z"


def rebuild(path: str, environ: Mapping[str, str], roots: Iterable[str] = ()) -> list[str]:
    """Set a damaged registry aside, and write one with all entries that were found.

    Args:
        path: The registry.
        environ: Sets how long to wait for the lock, and git's environment.
        roots: Worktrees to read besides those in the file.

    Returns:
        What was done, a line each; empty where the registry is valid.

    Raises:
        RegistryLockedError: Another process held the lock for too long.
        RegistryUnwritableError: The registry cannot be written.
    """
    try:
        with Lock(path, environ) as lock:
            try:
                load(path)
            except RegistryDamagedError:
                pass
            else:
                return []
            target = os.path.realpath(path)
            texts = [text for name in (target, f"{target}.bak") if (text := _text(name))]
            entries = _found(texts, environ, roots)
            moment = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
            aside = f"{target}.damaged.{moment}.{os.getpid()}"
            _set_aside(target, aside)
            store(path, entries, still_locked=lock.check, keep_last=False)
        sync_folder(path)
    except OSError as error:
        raise RegistryUnwritableError(path, error.strerror or str(error)) from error
    return [
        f"set the damaged registry aside as {aside}",
        f"rebuilt the registry with {len(entries)} blocks",
    ]


def drop_blocks(path: str, environ: Mapping[str, str]) -> list[str]:
    """Drop blocks of deleted worktrees, and of two blocks with a common port the older one."""

    def change(entries: list[Entry]) -> tuple[list[Entry], list[str]]:
        losers = [other for _, other, _ in shared_ports(entries)]
        kept = [entry for entry in entries if not any(entry is loser for loser in losers)]
        return kept, [f"dropped the block of {loser.key.worktree_root}" for loser in losers]

    before = len(load(path))
    told = update(path, change, environ)
    gone = before - len(load(path)) - len(told)
    return [*told, *([f"dropped {gone} blocks of deleted worktrees"] if gone > 0 else [])]


def restrict_to_owner(paths: Iterable[str]) -> list[str]:
    """Remove the rights of group and others from files and folders."""
    told: list[str] = []
    for path in paths:
        mode = os.stat(path).st_mode & 0o777
        if mode & 0o077:
            os.chmod(path, mode & 0o700)
            told.append(f"{path} is now accessible only to its owner")
    return told


def valid_entries(text: str) -> list[Entry]:
    """Return the entries in a registry's text that parse."""
    return [entry for item in _items(text) if (entry := _entry(item)) is not None]


def _items(text: str) -> Iterator[object]:
    try:
        value: object = json.loads(text)
    except (ValueError, RecursionError):
        decoder = json.JSONDecoder()
        for match in _ENTRY.finditer(text):
            try:
                item: object = decoder.raw_decode(text, match.start())[0]
            except (ValueError, RecursionError):
                continue
            yield item
    else:
        items = value.get("entries") if is_object(value) else None
        yield from items if is_list(items) else ()


def _entry(item: object) -> Entry | None:
    try:
        return entry_from(item)
    except ValueError:
        return None


def _text(path: str) -> str:
    try:
        return read_all(path).decode("utf-8", "replace")
    except OSError:
        return ""


def _set_aside(target: str, aside: str) -> None:
    if os.path.isdir(target):
        os.rename(target, aside)
        return
    # The file keeps its name until a new one replaces it, so it always exists.
    try:
        os.link(target, aside)
    except OSError:  # a file system without hard links, or an unreadable file
        try:
            write_new(aside, read_all(target))
        except OSError:
            if os.path.lexists(aside):
                remove_all(aside)
            os.rename(target, aside)


def _found(texts: list[str], environ: Mapping[str, str], roots: Iterable[str]) -> list[Entry]:
    entries: list[Entry] = []
    taken: set[int] = set()

    def add(entry: Entry | None) -> None:
        if entry is None or any(entry.key == other.key for other in entries):
            return
        ports = set(entry.ports.values())
        if os.path.isdir(entry.key.worktree_root) and not ports & taken:
            entries.append(entry)
            taken.update(ports)

    for text in texts:
        for entry in valid_entries(text):
            add(entry)
    named = {root for text in texts for root in _roots(text)}
    for root in sorted({*named, *roots} - {entry.key.worktree_root for entry in entries}):
        for entry in _from_worktree(root, environ):
            add(entry)
    return entries


def _roots(text: str) -> Iterator[str]:
    for match in _ROOT.finditer(text):
        try:
            yield str(json.loads(match[1]))
        except ValueError:
            continue


def _from_worktree(root: str, environ: Mapping[str, str]) -> Iterator[Entry]:
    """Read the blocks in a worktree's `current.env`, and in those of its namespaces."""
    folder = f"{root}/.portweave"
    of_namespaces = sorted(glob(f"{escape(folder)}/namespaces/*/current.env"))
    for path in (f"{folder}/current.env", *of_namespaces):
        entry = _from_current(path, root, environ)
        if entry is not None:
            yield entry


def _from_current(path: str, root: str, environ: Mapping[str, str]) -> Entry | None:
    try:
        values = read_env_file(path, required=True).values
        overridden = read_env_file(f"{root}/.env", required=False).values
        worktree = locate(root, environ)
    except PortweaveError:
        return None
    namespace = values.pop("PORTWEAVE_NAMESPACE", "")
    if worktree.root != root or not namespace:
        return None
    names = _names(root, worktree.git_common_dir is not None)
    ports = {
        names[variable]: int(value)
        for variable, value in values.items()
        # Values from .env were not allocated.
        if variable in names and variable not in overridden and _is_port(value)
    }
    if not ports or len(set(ports.values())) < len(ports):
        return None
    return Entry(Key(worktree.git_common_dir, namespace, root), _LONG_AGO, namespace, ports)


def _names(root: str, is_git: bool) -> dict[str, str]:
    """Return variable to service, for the ports of a worktree."""
    try:
        definitions = load_definitions(root, root if is_git else None, None)
    except PortweaveError:
        return {f"PORT_{number}": f"port-{number}" for number in range(1, 101)}
    return {service.env_var: service.name for service in definitions.services if service.env_var}


def _is_port(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 6 and 0 < int(text) < 65536
