"""Allocate the ports of a project, and compute the variables that hold them.

A warm `run` imports this, so it imports little.
"""

import os
import time
from _thread import get_ident

from portweave import errors
from portweave.allocator.ports.assign import Request, chosen_pool
from portweave.allocator.ports.blocks import TakenBlock, allocate_block, find_entry, preview
from portweave.allocator.ports.model import Entry, Key, Pool
from portweave.allocator.worktree import worktree_dir
from portweave.encoding.value import value
from portweave.planning.allocation_text import current_env
from portweave.planning.project import Project, find_block, moved_key
from portweave.procfiles.load import read_env_file, read_overrides
from portweave.procfiles.model import Service
from portweave.system.files import make_own_folder, read_all
from portweave.system.listeners import listening

TYPE_CHECKING = False  # `typing` costs as much as the work
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


@value
class AllocatedProject:
    """A project with its ports and variables.

    Attributes:
        project: The project.
        entry: Its block; `entry.ports` may still have instances of deleted services.
        reused: Whether the worktree had all of these ports before.
        computed: The variables that all services share, before anything overrides them.
        dotenv: Those of them that the root's `.env` sets.
        env: The computed variables, overridden by `.env`.
        inherited: Those of them that the user's environment sets; they override `.env`.
        warnings: Warnings for the user, one line each.
    """

    project: Project
    entry: Entry
    reused: bool
    computed: dict[str, str]
    dotenv: dict[str, str]
    env: dict[str, str]
    inherited: dict[str, str]
    warnings: "Sequence[str]"

    @property
    def ports(self) -> dict[str, int]:
        """The allocated port of each instance. Placeholders stand for these."""
        return self.entry.ports

    def effective_ports(self, *, with_inherited: bool = True) -> dict[str, int]:
        """Return the port on which each instance shall listen, with the user's overrides.

        Args:
            with_inherited: Whether variables of the environment count, as they do for a start.

        Raises:
            PortOverrideError: The value of a variable is not a port.
        """
        ports = {name: self.entry.ports[name] for name in self.project.names}
        for service in self.project.definitions.services:
            if service.env_var is not None:
                ports[service.name] = self.effective_port(service, with_inherited=with_inherited)
        return ports

    def effective_port(self, service: Service, *, with_inherited: bool = True) -> int:
        """Return the same for the first instance of a service that has a port."""
        name = service.env_var or ""
        if with_inherited and name in self.inherited:
            return _port(service, self.inherited[name], "environment")
        if name in self.dotenv:
            root = self.project.worktree.root
            return _port(service, self.dotenv[name], ".env", f"{root}/.env")
        return self.entry.ports[service.name]


def allocate(
    project: Project, *, check_listeners: bool = True, dry_run: bool = False
) -> AllocatedProject:
    """Allocate the ports of a project, and write them to `.portweave/current.env`.

    Args:
        project: The project.
        check_listeners: Whether to warn of other programs that listen in the block.
        dry_run: Whether to write nothing; the result has the ports that it would get.

    Raises:
        CurrentEnvError: The worktree cannot be written.
        DotenvError: A line of `.env` is malformed.
        EnvFileError: `.env` cannot be read.
        PinTakenError: `PORTWEAVE_OFFSET` names ports of another worktree.
        PlaceholderError: A template has a placeholder without a value.
        PoolExhaustedError: There is no room for the block.
        RegistryDamagedError: The registry cannot be read.
        RegistryLockedError: Another process held its lock for too long.
        RegistryUnwritableError: It cannot be written.
        StackMovedError: Its stack runs since before the folder was moved, and lacks a port.
    """
    environ, root = project.environ, project.worktree.root
    warnings: list[str] = []
    pool, remark = chosen_pool(environ.get("PORTWEAVE_POOL_RANGE", ""))
    if remark is not None:
        warnings.append(remark)
    names = project.names
    request = Request(project.key, names, pool, project.offset)

    def is_running() -> bool:
        return _is_running(project.key, environ)

    if project.worktree.registered is not None:
        taken = _of_moved(project, pool, dry_run=dry_run)
    elif dry_run:
        taken = preview(project.registry, request, environ, is_running=is_running)
    else:
        taken = allocate_block(project.registry, request, environ, is_running=is_running)
    entry = taken.entry
    if taken.unpinned:
        warnings.append(
            f"PORTWEAVE_OFFSET={project.offset} is left aside: the block stands still while"
            " something listens in it"
        )
    if taken.former and os.path.isdir(taken.former):
        warnings.append(
            f"{root} was a worktree of {taken.former} before, and is one of"
            f" {project.key.git_common_dir} now; it keeps the ports of the folder"
        )
    if taken.reused and check_listeners:
        warnings += _other_listeners(names, entry, project.key.worktree_root)
    computed = project.computed(entry)
    dotenv = read_overrides(f"{root}/.env", computed.keys())
    env = {name: dotenv.get(name, value) for name, value in computed.items()}
    env["PORTWEAVE_NAMESPACE"] = entry.namespace
    if not dry_run:
        write_current_env(root, env)
    # The variables of an outer portweave are not the user's own.
    exported: Mapping[str, str] = {} if "PORTWEAVE_WORKTREE" in environ else environ
    return AllocatedProject(
        project,
        entry,
        reused=taken.reused,
        computed=computed,
        dotenv=dotenv,
        env=env,
        inherited={
            name: exported[name]
            for name in computed
            if name in exported and name != "PORTWEAVE_NAMESPACE"
        },
        warnings=warnings,
    )


def _of_moved(project: Project, pool: Pool, *, dry_run: bool) -> TakenBlock:
    """The block of a worktree that was moved while its stack runs; new services get more ports."""
    worktree, environ = project.worktree, project.environ
    entry = find_block(project)
    if entry is not None and all(name in entry.ports for name in project.names):
        return TakenBlock(entry, reused=True)
    if find_entry(project.registry, moved_key(worktree), environ) is None:
        # The stack has not written the new path yet.
        raise errors.StackMovedError(worktree.namespace, worktree.key.worktree_root, worktree.root)
    request = Request(moved_key(worktree), project.names, pool, None)
    take = preview if dry_run else allocate_block
    return take(project.registry, request, environ, is_running=lambda: True)


def _is_running(key: Key, environ: "Mapping[str, str]") -> bool:
    # Imported here: most commands find all their ports in the registry.
    from portweave.supervisor.registry.stack_records import is_held, stack_key, stacks_dir

    return is_held(stacks_dir(environ), stack_key(key.worktree_root, key.namespace))


def _port(service: Service, value: str, source: str, path: str = "") -> int:
    """The port in a variable's value, which comes from a source, and from a file or none."""
    is_port = value.isascii() and value.isdigit() and len(value.lstrip("0")) <= 5
    if not is_port or not 1 <= int(value) <= 65535:
        name = service.env_var or ""
        line = read_env_file(path, required=False).lines.get(name) if path else None
        raise errors.PortOverrideError(
            name,
            service.name,
            value,
            source=source,
            place=None if line is None else (path, line),
        )
    return int(value)


def _other_listeners(names: list[str], entry: Entry, root: str) -> list[str]:
    """Return a warning for each program outside the worktree that listens in its block."""
    busy = listening([entry.ports[name] for name in names])
    if not busy:
        return []
    from portweave.allocator.ports.port_check import listeners

    holders = listeners(busy)
    return [
        f"warning: port {port} ({name}) is held by {holders[port]},"
        " which does not belong to this worktree"
        for name in names
        if (port := entry.ports[name]) in holders and not holders[port].belongs_to(root)
    ]


def write_current_env(root: str, env: "Mapping[str, str]") -> None:
    """Write `.portweave/current.env`, unless it has these variables already.

    As with npm portweave, each allocation writes it, of whatever namespace.

    Args:
        root: The worktree's root.
        env: The variables.

    Raises:
        CurrentEnvError: The worktree cannot be written.
    """
    _write(f"{root.rstrip('/')}/.portweave", env)


def write_namespace_env(root: str, namespace: str, env: "Mapping[str, str]") -> None:
    """Write the `current.env` of a namespace that the user has chosen. No other stack writes it.

    Args:
        root: The worktree's root.
        namespace: The stack's namespace. The worktree's own has no file but `write_current_env`'s.
        env: The variables.

    Raises:
        CurrentEnvError: The worktree cannot be written.
    """
    folder = worktree_dir(root, namespace)
    if os.path.dirname(folder) != root.rstrip("/"):
        _write(folder, env)


def _write(folder: str, env: "Mapping[str, str]") -> None:
    path = f"{folder}/current.env"
    data = current_env(env).encode("utf-8", "surrogateescape")
    try:
        make_own_folder(folder)
        _replace_changed(path, data)
    except OSError as error:
        raise errors.CurrentEnvError(path, error.strerror or str(error)) from error


def _replace_changed(path: str, data: bytes) -> None:
    try:
        if read_all(path) == data:
            return
    except FileNotFoundError:
        pass
    # Two threads of one process may write in the same millisecond.
    temporary = f"{path}.tmp.{os.getpid()}.{time.time_ns() // 1_000_000}.{get_ident()}"
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    try:
        rest = memoryview(data)
        while rest:
            rest = rest[os.write(descriptor, rest) :]
    finally:
        os.close(descriptor)
    os.replace(temporary, path)
