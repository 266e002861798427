"""Find what portweave has left on this machine, each with a function that removes it.

Finding removes nothing. portweave keeps, and reports, what is in use: running stacks, valid leases,
blocks with a listener, routes of live commands, another program's proxy. It also keeps files in its
folders whose names are not its own.
"""

import os
import re
import time
from collections.abc import Callable, Iterator, Mapping
from errno import ECONNREFUSED, ENOENT, ENOTDIR, ENOTEMPTY
from functools import partial
from socket import AF_UNIX, SOCK_STREAM, socket

from portweave.allocator import lease_folders
from portweave.allocator.names.hosts_file import without_block
from portweave.allocator.names.route_store import RouteStore
from portweave.allocator.ports.blocks import (
    release_blocks,
    update,
)
from portweave.allocator.ports.model import (
    Entry,
    Key,
)
from portweave.allocator.ports.registry import (
    load,
    registry_path,
)
from portweave.allocator.socket_paths import sockets_of
from portweave.allocator.state_folder import state_dir
from portweave.encoding.value import value
from portweave.errors import StackRunningError
from portweave.maintenance.dead_stacks import finish_dead_stacks
from portweave.maintenance.trust import (
    read_trust,
    run_step,
)
from portweave.supervisor.proxy.process.proxy_files import (
    find_proxy,
    routes_dir,
)
from portweave.supervisor.proxy.process.start_proxy import stop
from portweave.supervisor.proxy.tls.ca_files import ca_path
from portweave.supervisor.proxy.tls.trust_stores import steps
from portweave.supervisor.registry.ended_stacks import ended_dir
from portweave.supervisor.registry.stack_lock import StackLock
from portweave.supervisor.registry.stack_records import (
    StackRecord,
    is_held,
    live_stacks,
    read_record,
    stack_keys,
    stacks_dir,
)
from portweave.system.files import remove_all
from portweave.system.listeners import listening
from portweave.system.system_file import (
    read,
    replace,
)

# Names in `.portweave/` and in its folders.
_WORKTREE_FILES = {
    "": re.compile(r"\.gitignore|(current\.env|(setup|files)\.json|files\.lock)(\.tmp\..+)?"),
    "logs": re.compile(r".+\.(log(\.\d+)?|idx\.\d+)"),
    "runs": re.compile(r".+\.json(\.tmp\.\d+)?"),
}
# In `runs/`, each service has a folder with what is kept of its failed runs.
_RUNS = "runs"
_DOSSIER = re.compile(r"\d+\.json(\.tmp\.\d+)?")
_NOTHING = re.compile(r"(?!)")
_PROXY_FILE = re.compile(
    r"(proxy\.(pid|port|owner|tls|any-user|lock|turn|log)"
    r"|routes\.(json(\.copy|\.damaged-\d+)?|flock|owners)|ca\.lock)(\.tmp\..+)?"
)
_AUTHORITY_FILE = re.compile(r"ca(-key|-bundle)?\.pem(\.tmp\..+)?")


@value
class Leftover:
    """Something that can be removed.

    Attributes:
        kind: `worktree`, `block`, `registry`, `stack`, `socket`, `learned`, `lease`, `proxy`, `ca`,
            `hosts` or `trust`.
        path: Where it is.
        about: A short description.
        remove: Removes it; it may return lines to print.
        is_of_system: Whether it is outside portweave's folders; it then needs its own confirmation.
    """

    kind: str
    path: str
    about: str
    remove: Callable[[], object]
    is_of_system: bool = False


@value
class Kept:
    """Something that stays.

    Attributes:
        path: Its path or name.
        why: The reason, in a few words.
    """

    path: str
    why: str


Found = Iterator[Leftover | Kept]


def running(environ: Mapping[str, str], root: str | None) -> list[StackRecord]:
    """Return the running stacks of a worktree, or of the machine for None."""
    found = live_stacks(stacks_dir(environ))
    return [stack for stack in found if root in (None, stack.root)]


def worktrees(environ: Mapping[str, str], root: str) -> list[str]:
    """Return the roots of a worktree, and of all worktrees that have ports."""
    held = f"{lease_folders.leases_dir(environ)}/"
    roots = [entry.key.worktree_root for entry in load(registry_path(environ))]
    return [place for place in dict.fromkeys([root, *roots]) if not place.startswith(held)]


def worktree_leftovers(root: str) -> Found:
    """Find the `.portweave` folder of a worktree without a running stack."""
    folder = f"{root.rstrip('/')}/.portweave"
    if not os.path.isdir(folder):
        return
    if os.path.islink(folder):
        yield Kept(folder, "it is a link")
        return
    own: list[str] = []
    foreign: list[str] = []
    counts: dict[str, int] = {}
    places = _places(folder)
    for inner, pattern in places.items():
        place = f"{folder}/{inner}".rstrip("/")
        # A link is not followed: its target is not portweave's.
        for name in () if os.path.islink(place) else _names(place):
            path = f"{inner}/{name}".lstrip("/")
            if pattern.fullmatch(name):
                own.append(path)
                kind = inner.rpartition("/")[0] if pattern is _DOSSIER else inner
                counts[kind] = counts.get(kind, 0) + 1
            elif path not in places or os.path.islink(f"{folder}/{path}"):
                foreign.append(path)
    if own or not foreign:
        told = [name for name in own if "/" not in name]
        size_bytes = sum(_size_bytes(f"{folder}/{name}") for name in own if "/" in name)
        told += [f"{count} files of {inner}" for inner, count in counts.items() if inner]
        about = f"{', '.join(told) or 'nothing in it'} ({_told(size_bytes)})"
        folders = [f"{folder}/{inner}".rstrip("/") for inner in reversed(places)]
        yield Leftover("worktree", folder, about, partial(_remove, _in(folder, own), *folders))
    for name in foreign:
        yield Kept(f"{folder}/{name}", "not portweave's")


def _places(folder: str) -> dict[str, re.Pattern[str]]:
    """Return folders and files of portweave in a `.portweave`; parents come first."""
    places = dict(_WORKTREE_FILES)
    chosen = f"{folder}/namespaces"
    for namespace in () if os.path.islink(chosen) else _names(chosen):
        if os.path.isdir(f"{chosen}/{namespace}") and not os.path.islink(f"{chosen}/{namespace}"):
            places["namespaces"] = _NOTHING
            for inner, pattern in _WORKTREE_FILES.items():
                places[f"namespaces/{namespace}/{inner}".rstrip("/")] = pattern
    for inner in [place for place in places if place.rpartition("/")[2] == _RUNS]:
        runs = f"{folder}/{inner}"
        for name in () if os.path.islink(runs) else _names(runs):
            if os.path.isdir(f"{runs}/{name}") and not os.path.islink(f"{runs}/{name}"):
                places[f"{inner}/{name}"] = _DOSSIER
    return places


def registry_leftovers(environ: Mapping[str, str]) -> Found:
    """Find blocks of deleted worktrees, and damaged registries that were set aside."""
    path = registry_path(environ)
    held = f"{lease_folders.leases_dir(environ)}/"
    for entry in load(path):
        root = entry.key.worktree_root
        if not os.path.isdir(root) and not root.startswith(held):
            about = f"the ports of a deleted worktree: {_ports(entry)}"
            # Each write to the registry drops blocks of deleted worktrees.
            yield Leftover("block", root, about, partial(update, path, _same, environ))
    folder, name = os.path.split(os.path.realpath(path))
    for other in _names(folder):
        if other.startswith(f"{name}.damaged."):
            aside = f"{folder}/{other}"
            about = "a damaged registry that was set aside"
            yield Leftover("registry", aside, about, partial(remove_all, aside))


def block_leftovers(environ: Mapping[str, str], root: str | None) -> Found:
    """Find the blocks of a worktree, or all for None, including those of npm portweave."""
    path = registry_path(environ)
    held = f"{lease_folders.leases_dir(environ)}/"
    for entry in load(path):
        place = entry.key.worktree_root
        if root not in (None, place) or place.startswith(held) or not os.path.isdir(place):
            continue
        busy = sorted(listening(entry.ports.values()))
        if busy:
            yield Kept(place, f"its ports: a program listens on {', '.join(map(str, busy))}")
            continue
        give = partial(release_blocks, path, partial(_is_key, entry.key), environ)
        yield Leftover("block", place, f"its ports: {_ports(entry)}", partial(_quietly, give))


def name_leftovers(environ: Mapping[str, str]) -> Found:
    """Find the names of projects and worktrees in URLs."""
    folder = state_dir(environ)
    own = [name for name in _names(folder) if name.startswith("names.")]
    if own:
        about = "names of projects in URLs"
        yield Leftover("names", f"{folder}/names.json", about, partial(_remove, _in(folder, own)))


def stack_leftovers(environ: Mapping[str, str]) -> Found:
    """Find records of killed stacks, unused locks, and sockets without a listener."""
    folder = stacks_dir(environ)
    for key in stack_keys(folder, held=False):
        record = read_record(folder, key)
        name = f"{record.project}/{record.namespace} ({record.root})" if record else key
        about = f"the stack {name} was killed: its record, and what is left of its processes"
        # The first one removes all of them.
        yield Leftover("stack", f"{folder}/{key}.json", about, partial(_finish, environ))
    idle = {name.rpartition(".")[0] for name in _names(folder) if name.endswith(".lock")}
    for key in sorted(idle):
        if is_held(folder, key):
            continue
        path = f"{folder}/{key}.lock"
        if read_record(folder, key) is None:
            about = "the lock of a stack that has ended"
            yield Leftover("stack", path, about, partial(_drop_lock, folder, key))
        for path in sockets_of(environ, folder, key):
            if _is_silent(path):
                about = "a socket without a listener"
                yield Leftover("socket", path, about, partial(_remove, [path]))


def ended_leftovers(environ: Mapping[str, str]) -> Found:
    """Find the files that tell how stacks ended."""
    folder = ended_dir(stacks_dir(environ))
    # The end of what a killed stack has left makes such a file, too.
    count = len(_names(folder)) + len(stack_keys(stacks_dir(environ), held=False))
    if count:
        about = f"how stacks have ended ({count})"
        yield Leftover("stack", folder, about, partial(_remove_folder, folder))


def learned_leftovers(environ: Mapping[str, str]) -> Found:
    """Find what is remembered of commands: whether they listen, and how they react to edits."""
    for name in ("listened", "settle"):
        folder = f"{state_dir(environ)}/{name}"
        if count := len(_names(folder)):
            about = f"what is known of commands ({count})"
            yield Leftover("learned", folder, about, partial(_remove_folder, folder))


def _remove_folder(path: str) -> None:
    if os.path.isdir(path):
        remove_all(path)


def lease_leftovers(environ: Mapping[str, str]) -> Found:
    """Find leases that have ended."""
    holding, over = lease_folders.scan(lease_folders.leases_dir(environ), time.time())
    for path in over:
        about = "a lease that has ended, with its ports"
        yield Leftover("lease", path, about, partial(_reclaim, environ))
    for terms in holding:
        yield Kept(
            terms.lease_id, f"the lease is valid: portweave lease --release {terms.lease_id}"
        )


def proxy_leftovers(environ: Mapping[str, str], folder: str) -> Found:
    """Find the proxy, its routes, and the CA; keep what is still in use."""
    if not os.path.isdir(folder):
        return
    store = RouteStore(folder, private=True)
    proxy = find_proxy(store)
    if proxy is not None and not proxy.is_ours:
        yield Kept(folder, f"its proxy is another program's (pid {proxy.pid}: {proxy.command})")
        return
    owners = [route for route in store.load_routes() if route.pid]
    if owners:
        names = ", ".join(f"{route.hostname} of pid {route.pid}" for route in owners)
        yield Kept(folder, f"it has routes of running programs: {names}")
        return
    if proxy is not None:
        about = f"the running proxy (pid {proxy.pid}, port {proxy.port})"
        yield Leftover("proxy", store.pid_path, about, partial(stop, store))
    aliases = [route.hostname for route in store.load_routes()]
    authority = [name for name in _names(folder) if _AUTHORITY_FILE.fullmatch(name)]
    if authority:
        about = f"the CA: {', '.join(authority)}"
        yield Leftover("ca", ca_path(folder), about, partial(_remove, _in(folder, authority)))
    own = [name for name in _names(folder) if _PROXY_FILE.fullmatch(name)]
    if own:
        about = ", ".join(own)
        if aliases:
            about += f" (names of {', '.join(aliases)})"
        yield Leftover("proxy", folder, about, partial(_remove, _in(folder, own)))
    for name in _names(folder):
        if name == "routes.lock":
            yield Kept(f"{folder}/{name}", "another process is changing the routes")
        elif name not in (*own, *authority):
            yield Kept(f"{folder}/{name}", "not portweave's")


def trust_leftovers(environ: Mapping[str, str]) -> Found:
    """Find trust stores of the system and its browsers that contain the CA."""
    folder = os.path.abspath(routes_dir(environ))
    if not os.path.exists(ca_path(folder)):
        return
    for step in steps(read_trust(folder, environ), remove=True):
        about = f"trust in the CA, {step.about}: {' '.join(step.argv)}"
        remove = partial(run_step, step, environ)
        yield Leftover("trust", ca_path(folder), about, remove, is_of_system=True)


def hosts_leftovers(path: str) -> Found:
    """Find portweave's lines in /etc/hosts, or a file like it."""
    before = read(path)
    after = without_block(before)
    if after != before:
        count = before.count("\n") - after.count("\n")
        about = f"{count} lines between portweave's marks"
        remove = partial(replace, path, after)
        yield Leftover("hosts", path, about, remove, is_of_system=True)


def drop_empty(environ: Mapping[str, str]) -> None:
    """Remove portweave's folders that are empty now.

    The folder of sockets stays: a stack with another state folder may be about to use it.
    """
    state = state_dir(environ)
    for folder in (
        stacks_dir(environ),
        lease_folders.leases_dir(environ),
        routes_dir(environ),
        state,
    ):
        _drop(folder)


def _names(folder: str) -> list[str]:
    try:
        return sorted(os.listdir(folder))
    except OSError:
        return []


def _in(folder: str, names: list[str]) -> list[str]:
    return [f"{folder}/{name}" for name in names]


def _remove(paths: list[str], *folders: str) -> None:
    for path in paths:
        try:
            os.unlink(path)
        except FileNotFoundError:
            continue
    for folder in folders:
        _drop(folder)


def _drop(folder: str) -> None:
    """Remove a folder if it is empty."""
    try:
        os.rmdir(folder)
    except OSError as error:
        # A link is not a folder.
        if error.errno not in (ENOENT, ENOTDIR, ENOTEMPTY):
            raise


def _same(entries: list[Entry]) -> tuple[list[Entry], None]:
    return entries, None


def _is_key(key: Key, other: Key) -> bool:
    return key == other


def _quietly(act: Callable[[], object]) -> None:
    act()


def _finish(environ: Mapping[str, str]) -> list[str]:
    told = finish_dead_stacks(environ)
    folder = stacks_dir(environ)
    for name in _names(folder):
        key, _, kind = name.rpartition(".")
        if kind == "lock" and not os.path.exists(f"{folder}/{key}.json"):
            _drop_lock(folder, key)
    return told


def _drop_lock(folder: str, key: str) -> None:
    try:
        lock = StackLock(folder, key)
    except StackRunningError:  # it was started meanwhile
        return
    with lock:
        lock.remove()


def _reclaim(environ: Mapping[str, str]) -> None:
    lease_folders.remove_expired(environ)
    update(registry_path(environ), _same, environ)


def _is_silent(path: str) -> bool:
    """Whether a path is a socket without a listener."""
    with socket(AF_UNIX, SOCK_STREAM) as probe:
        probe.settimeout(0.1)
        try:
            probe.connect(path)
        except OSError as error:
            return error.errno == ECONNREFUSED
    return False


def _size_bytes(path: str) -> int:
    try:
        return os.lstat(path).st_size
    except OSError:
        return 0


def _told(size_bytes: int) -> str:
    size, unit = float(size_bytes), "B"
    for larger in ("KiB", "MiB", "GiB"):
        if size < 1024:
            break
        size, unit = size / 1024, larger
    return f"{size:.0f} {unit}" if unit == "B" or size >= 10 else f"{size:.1f} {unit}"


def _ports(entry: Entry) -> str:
    ports = sorted(entry.ports.values())
    if not ports:
        return "none"
    is_row = ports[-1] - ports[0] == len(ports) - 1 and len(ports) > 1
    return f"{ports[0]}-{ports[-1]}" if is_row else ", ".join(map(str, ports))
