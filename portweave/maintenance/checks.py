"""Check everything on this machine that portweave depends on, and return findings."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence

from portweave.allocator import lease_folders
from portweave.allocator.git_links import check_link
from portweave.allocator.git_queries import (
    GIT,
    look_environment,
)
from portweave.allocator.names.hosts_file import unresolved
from portweave.allocator.names.route_store import RouteStore
from portweave.allocator.ports.model import Entry
from portweave.allocator.ports.port_check import listeners
from portweave.allocator.ports.registry import (
    load,
    registry_path,
)
from portweave.allocator.state_folder import state_dir
from portweave.allocator.worktree import Worktree, locate, outside_git
from portweave.errors import (
    BrokenWorktreeError,
    RegistryDamagedError,
    RegistryUnwritableError,
    TlsMissingError,
)
from portweave.maintenance.findings import (
    Finding,
    Severity,
    check_entries,
    check_pool,
)
from portweave.maintenance.teardowns import pending_teardowns
from portweave.maintenance.trust import is_trusted_by_system
from portweave.supervisor.proxy.process.proxy_files import (
    find_proxy,
    routes_dir,
    state_folder,
    wants_tls,
)
from portweave.supervisor.proxy.tls.authority import check_libraries
from portweave.supervisor.proxy.tls.ca_files import ca_path
from portweave.supervisor.registry.kept_teardown import damaged_kept
from portweave.supervisor.registry.stack_records import stack_keys, stacks_dir
from portweave.system.listeners import listening
from portweave.system.processes import (
    command_of,
    read_bytes,
)
from portweave.system.registry_lock import holder_of

# The process that holds a lock for longer hangs, or is gone.
_LOCK_S = 2.0
_STALE_S = 30.0
# This file configures name resolution.
_RESOLVING = ("hosts", "nsswitch.conf")


def check_all(environ: Mapping[str, str], folder: str) -> list[Finding]:
    """Return all findings, seen from `folder`, without changing anything."""
    try:
        path = registry_path(environ)
    except RegistryUnwritableError as error:
        return [Finding("PW0303", "error", error.message, "\n".join(error.hints))]
    entries, findings = _check_registry(path)
    worktree = _located(folder, environ)
    findings += _check_lock(path)
    findings += check_pool(
        environ.get("PORTWEAVE_POOL_RANGE", ""), _ephemeral(), _reserved(), entries
    )
    findings += _check_held(entries, worktree)
    findings += _check_git(worktree, folder, environ)
    findings += _check_stacks(environ)
    findings += _check_teardowns(environ)
    findings += _check_leases(environ)
    findings += _check_path(environ)
    findings += _check_names(environ)
    findings += _check_libraries(environ)
    findings += _check_trust(environ)
    findings += _check_folders(path, state_dir(environ), worktree)
    return findings


def _check_teardowns(environ: Mapping[str, str]) -> list[Finding]:
    found: list[Finding] = []
    for one in pending_teardowns(environ):
        tried = ""
        if one.failures.count:
            tried = f"; it has failed {one.failures.times}: {one.failures.reason}"
        command = " && ".join(one.kept.commands)
        remedy = "portweave doctor --fix runs it"
        if one.is_given_up:
            remedy = "portweave teardown --pending runs it once more"
        message = f"teardown of the removed worktree {one.name} has not run: {command}{tried}"
        repair = "" if one.is_given_up else "teardowns"
        found.append(Finding("PW0315", "warning", message, remedy, repair=repair))
    for folder in damaged_kept(environ):
        message = f"the kept teardown in {folder} is damaged, and cannot run"
        remedy = "do by hand what it was to clean up, then remove this folder"
        found.append(Finding("PW0315", "warning", message, remedy))
    return found


def roots_around(environ: Mapping[str, str], folder: str) -> list[str]:
    """Return the worktree of `folder`, and the other worktrees of its repository."""
    worktree = _located(folder, environ)
    found = [worktree.root, worktree.main_root]
    linked = f"{worktree.git_common_dir}/worktrees"
    if worktree.git_common_dir is not None and os.path.isdir(linked):
        for name in sorted(os.listdir(linked)):
            # gitrepository-layout(5): the path of the worktree's .git file.
            line = os.fsdecode(read_bytes(f"{linked}/{name}/gitdir")).strip()
            if line.endswith("/.git"):
                found.append(line.removesuffix("/.git"))
    return [root for root in dict.fromkeys(found) if os.path.isdir(root)]


def _located(folder: str, environ: Mapping[str, str]) -> Worktree:
    """Return the worktree of a folder; the folder itself where the worktree's `.git` is broken."""
    try:
        return locate(folder, environ)
    except BrokenWorktreeError:
        return outside_git(folder, environ)


def _check_registry(path: str) -> tuple[Sequence[Entry], list[Finding]]:
    findings: list[Finding] = []
    for place in (path, os.path.dirname(path)):
        try:
            status = os.stat(place)
        except OSError:
            continue
        # Another user who may write in the folder may replace the file.
        if status.st_mode & (0o077 if place == path else 0o022):
            findings.append(
                Finding(
                    "PW0310",
                    "warning",
                    f"others may read or write {place} (mode {status.st_mode & 0o777:o})",
                    f"chmod go= {place}",
                    "rights",
                )
            )
    try:
        entries = load(path)
    except RegistryDamagedError as error:
        detail = "".join(f"; {hint}" for hint in error.hints[:-1])
        remedy = error.hints[-1]
        return (), [
            *findings,
            Finding("PW0302", "error", error.message + detail, remedy, "registry"),
        ]
    gone = [e.key.worktree_root for e in entries if not os.path.isdir(e.key.worktree_root)]
    return entries, findings + check_entries(entries, gone)


def _check_lock(path: str) -> list[Finding]:
    folder = f"{path.removesuffix('.json')}.lock"
    try:
        age_s = time.time() - os.lstat(folder).st_mtime
    except OSError:
        return []
    pid, is_alive = holder_of(folder)
    if pid is not None and not is_alive:
        return [
            Finding(
                "PW0313",
                "warning",
                f"{folder} was left by pid {pid}, which has ended",
                "the next allocation takes it over; npm portweave waits for up to 30 s",
                "lock",
            )
        ]
    if pid is None and age_s > _STALE_S:
        return [
            Finding(
                "PW0313",
                "warning",
                f"{folder} was left {age_s:.0f} s ago by an unknown process",
                "the next allocation takes it over",
                "lock",
            )
        ]
    if age_s <= _LOCK_S:  # another command holds it
        return []
    holder_text = f"pid {pid} ({command_of(pid)})" if pid else "npm portweave, it seems"
    return [
        Finding(
            "PW0301",
            "warning",
            f"{folder} has been held for {age_s:.0f} s by {holder_text}",
            "an allocation takes milliseconds: look at that process, and end it if it hangs",
        )
    ]


def _ephemeral() -> tuple[int, int] | None:
    numbers = read_bytes("/proc/sys/net/ipv4/ip_local_port_range").split()
    if not numbers and sys.platform == "darwin":
        names = ("net.inet.ip.portrange.first", "net.inet.ip.portrange.last")
        answer = _answer(["sysctl", "-n", *names], os.environ)
        numbers = (answer or "").encode().split()
    return (int(numbers[0]), int(numbers[1])) if len(numbers) == 2 else None


def _reserved() -> set[int]:
    reserved: set[int] = set()
    text = read_bytes("/proc/sys/net/ipv4/ip_local_reserved_ports").decode().strip()
    for part in text.split(",") if text else ():
        first, _, last = part.partition("-")
        reserved.update(range(int(first), int(last or first) + 1))
    return reserved


def _check_git(worktree: Worktree, folder: str, environ: Mapping[str, str]) -> list[Finding]:
    if not any(os.access(f"{place}/git", os.X_OK) for place in _path(environ)):
        return [
            Finding(
                "PW0210",
                "warning",
                "git is not on PATH: every folder with a definition file is a project, and"
                " worktrees of one repository are separate projects",
                "install git",
            )
        ]
    if worktree.git_common_dir is not None or not (top := _repository(folder)):
        return []
    try:
        check_link(folder)
    except BrokenWorktreeError as error:
        return [Finding(error.code, "error", error.message, "\n".join(error.hints))]
    refusal = _ask_git(folder, environ)
    if refusal is None:
        return []
    if "dubious ownership" in refusal:
        remedy = f"if you trust it: git config --global --add safe.directory {top}"
    else:
        remedy = f"git -C {top} status shows the same; without git every folder is a project"
    first = next((line for line in refusal.splitlines() if line), "it fails")
    return [Finding("PW0211", "error", f"git refuses {top}: {first}", remedy)]


def _ask_git(folder: str, environ: Mapping[str, str]) -> str | None:
    """Return git's error message about a folder; None where git accepts it as a worktree."""
    variables = look_environment(environ)
    argv = [*GIT, "-C", folder, "rev-parse", "--show-toplevel"]
    try:
        done = subprocess.run(argv, env=variables, capture_output=True, check=False)
    except OSError as error:
        return error.strerror or str(error)
    return None if done.returncode == 0 else done.stderr.decode("utf-8", "replace").strip()


def _repository(folder: str) -> str:
    """Return the parent folder with a `.git`; empty where there is none, or inside of it."""
    above = os.path.realpath(folder)
    while True:
        name = os.path.basename(above)
        if name == ".git" or os.path.isfile(f"{above}/HEAD"):
            return ""
        if os.path.lexists(f"{above}/.git"):
            return above
        if above == "/":
            return ""
        above = above.rpartition("/")[0] or "/"


def _check_stacks(environ: Mapping[str, str]) -> Iterator[Finding]:
    folder = stacks_dir(environ)
    for key in stack_keys(folder, held=False):
        yield Finding(
            "PW0953",
            "warning",
            f"{folder}/{key}.json belongs to a stack without a supervisor; processes of it may be"
            " alive",
            "--fix ends what is left of it, and removes the record",
            "stacks",
        )


def _check_held(entries: Sequence[Entry], worktree: Worktree) -> list[Finding]:
    """Return findings about ports of this worktree that another program listens on."""
    ports = {
        port: name
        for entry in entries
        if entry.key.worktree_root == worktree.key.worktree_root
        for name, port in entry.ports.items()
    }
    root = worktree.root
    return [
        Finding(
            "PW0920",
            "warning",
            f"port {port} of {ports[port]} is held by {holder.seen_from(root)}",
            "stop that program, or let it use another port"
            + (f": kill {holder.pid} ends it" if holder.pid is not None else ""),
        )
        for port, holder in sorted(listeners(listening(list(ports))).items())
        if not holder.belongs_to(root)
    ]


def _check_leases(environ: Mapping[str, str]) -> list[Finding]:
    over = lease_folders.scan(lease_folders.leases_dir(environ), time.time())[1]
    if not over:
        return []
    names = ", ".join(sorted(map(os.path.basename, over))[:5])
    return [
        Finding(
            "PW0314",
            "note",
            f"{len(over)} leases have ended, and still hold their ports: {names}",
            "the next allocation takes them back",
            "leases",
        )
    ]


def _path(environ: Mapping[str, str]) -> list[str]:
    return [place for place in environ.get("PATH", os.defpath).split(os.pathsep) if place]


def _check_path(environ: Mapping[str, str]) -> list[Finding]:
    found: dict[str, str] = {}
    for place in _path(environ):
        program = f"{place}/portweave"
        if os.path.isfile(program) and os.access(program, os.X_OK):
            found.setdefault(os.path.realpath(program), program)
    kinds = [f"{program} ({_kind(real)})" for real, program in found.items()]
    if len({_kind(real) for real in found}) < 2:
        return []
    return [
        Finding(
            "PW0610",
            "warning",
            f"{len(kinds)} programs are called portweave: {kinds[0]} runs,"
            f" not {', '.join(kinds[1:])}",
            "they share one pool, so nothing collides; npm's knows run, show, prune and panel only:"
            " uninstall one, or change the order of PATH",
        )
    ]


def _kind(program: str) -> str:
    first = read_bytes(program)[:200].split(b"\n")[0]
    if b"node" in first or program.endswith((".js", ".mjs")):
        return "npm's"
    return "this one" if b"python" in first or program.endswith(".py") else "another one"


def _check_names(environ: Mapping[str, str]) -> list[Finding]:
    """Check, without a lookup, whether programs other than browsers can resolve route names."""
    routes = RouteStore(routes_dir(environ)).load_routes()
    names = [route.hostname for route in routes if "*" not in route.hostname]
    hosts, nsswitch = (read_bytes(f"/etc/{name}").decode("utf-8", "replace") for name in _RESOLVING)
    lost = unresolved(names, hosts, nsswitch)
    if not lost:
        return []
    more = f" and {len(lost) - 1} more" if len(lost) > 1 else ""
    return [
        Finding(
            "PW1110",
            "note",
            f"browsers resolve {lost[0]}{more}, but the system does not",
            "portweave hosts --write adds them to /etc/hosts; or use the ports",
        )
    ]


def _check_libraries(environ: Mapping[str, str]) -> list[Finding]:
    """Check that the libraries for HTTPS, HTTP/2 and gRPC are installed."""
    try:
        check_libraries()
    except TlsMissingError as error:
        severity: Severity = "error" if wants_tls(environ) else "note"
        return [Finding(error.code, severity, error.message, error.hints[0])]
    return []


def _check_trust(environ: Mapping[str, str]) -> list[Finding]:
    """Check that the certificate authority of an HTTPS proxy is trusted, where there is one."""
    store = RouteStore(routes_dir(environ), private=True)
    proxy = find_proxy(store)
    is_secure = wants_tls(environ) if proxy is None else proxy.scheme == "https"
    authority = ca_path(state_folder(store))
    if not is_secure or not os.path.exists(authority) or is_trusted_by_system(authority):
        return []
    return [
        Finding(
            "PW1117",
            "note",
            f"this machine does not trust the proxy's CA, {authority}: browsers show a warning",
            "portweave trust shows what it would change, and asks",
        )
    ]


def _check_folders(registry: str, state: str, worktree: Worktree) -> Iterator[Finding]:
    places = (
        (os.path.dirname(registry), "PW0303", "XDG_CONFIG_HOME"),
        (state, "PW0305", "XDG_STATE_HOME"),
        (f"{worktree.root.rstrip('/')}/.portweave", "PW0505", ""),
    )
    for folder, code, variable in places:
        why = _unwritable(folder)
        if why:
            remedy = f"change its rights, or set {variable} to another folder"
            if not variable:
                remedy = "change its rights: portweave writes current.env and logs there"
            yield Finding(code, "error", f"{folder} cannot be written: {why}", remedy)


def _unwritable(folder: str) -> str:
    """Return why a folder cannot be created or written; empty where it can."""
    place = folder
    while not os.path.lexists(place) and place != "/":
        place = place.rpartition("/")[0] or "/"
    if not os.path.isdir(place):
        return f"{place} is not a folder"
    if not os.access(place, os.W_OK | os.X_OK):
        return f"{place} is not writable"
    if place != folder:
        return ""
    # A full or read-only disk shows only on writing.
    trial = f"{folder}/registry.json.tmp.{os.getpid()}.{time.time_ns() // 1_000_000}"
    try:
        with open(os.open(trial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(b"?" * 4096)
    except OSError as error:
        return error.strerror or str(error)
    finally:
        if os.path.lexists(trial):
            os.unlink(trial)
    return ""


def _answer(argv: list[str], environ: Mapping[str, str]) -> str | None:
    try:
        done = subprocess.run(
            argv, env=environ, capture_output=True, text=True, timeout=10, check=False
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout if done.returncode == 0 else None
