"""Definition files and a worktree in, ports and variables out: what `run`, `show` and `up` share.

Nothing is imported here that a warm `run` does not need.
"""

import os
import time
from _thread import get_ident

from portweave import errors
from portweave.allocator.naming import instance_name, offset_from, project_name
from portweave.allocator.ports.assign import (
    Request,
    block_order,
    chosen_pool,
)
from portweave.allocator.ports.blocks import (
    TakenBlock,
    foresee,
    take,
)
from portweave.allocator.ports.model import (
    Entry,
    Key,
)
from portweave.allocator.ports.registry import registry_path
from portweave.allocator.worktree import Worktree, outside_git, worktree_dir
from portweave.planning.allocation_text import current_env
from portweave.planning.moved_stacks import (
    as_running,
    find_here,
    running_block,
)
from portweave.procfiles.expand import Values, expand
from portweave.procfiles.load import anonymous, definitions_folder, load, read_overrides
from portweave.procfiles.model import Definitions, Service
from portweave.system.files import (
    make_own_folder,
    read_all,
)
from portweave.system.listeners import listening

TYPE_CHECKING = False  # `typing` costs as much as the work
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


class Project:
    """What is known before any port is.

    Attributes:
        worktree: Where; `worktree.namespace` may have been chosen by the user.
        definitions: What its services are.
        offset: Where in the pool the block has to begin; None for anywhere.
        registry: The path of the registry.
        scale: How many instances of each service with a port there are.
        environ: What is inherited.
    """

    __slots__ = ("definitions", "environ", "offset", "registry", "scale", "worktree")

    def __init__(
        self,
        worktree: Worktree,
        definitions: Definitions,
        *,
        offset: int | None,
        registry: str,
        scale: dict[str, int],
        environ: "Mapping[str, str]",
    ) -> None:
        self.worktree = worktree
        self.definitions = definitions
        self.offset = offset
        self.registry = registry
        self.scale = scale
        self.environ = environ

    @property
    def key(self) -> Key:
        """What the registry knows the worktree by."""
        return self.worktree.key

    @property
    def name(self) -> str:
        """The project's name: as written, else as its main worktree's folder."""
        return self.definitions.project_name or project_name(self.worktree.main_root)

    @property
    def names(self) -> list[str]:
        """The instances that have a port, in the order of the block."""
        return block_order(
            (service.name, service.group, self.scale[service.name])
            for service in self.definitions.services
            if service.name in self.scale
        )

    def instances(self) -> dict[str, tuple[Service, int]]:
        """The service of each instance, and its number, by the instance's name."""
        return {
            instance_name(service.name, number): (service, number)
            for service in self.definitions.services
            for number in range(1, max(1, self.scale.get(service.name, service.scale)) + 1)
        }

    def rows(self) -> list[tuple[str, str]]:
        """Each instance with a port, in file order, and the variable that it finds it in."""
        return [
            (instance_name(service.name, number), service.env_var if number == 1 else "PORT")
            for service in self.definitions.services
            if service.env_var is not None
            for number in range(1, self.scale[service.name] + 1)
        ]

    def computed(self, entry: Entry) -> dict[str, str]:
        """The variables that all services share, with the ports of `entry`.

        Raises:
            DriftError: The block has no port for a service.
            PlaceholderError: A template names what has no value.
        """
        worktree = self.worktree
        values = Values(
            entry.ports,
            namespace=entry.namespace,
            git_common_dir=worktree.git_common_dir,
            worktree_root=worktree.root,
        )
        env = {"PORTWEAVE_NAMESPACE": entry.namespace}
        for service in self.definitions.services:
            if service.env_var is not None:
                if service.name not in entry.ports:
                    raise errors.DriftError(service.name)
                env[service.env_var] = str(entry.ports[service.name])
            for name, template in service.discovery_env:
                env[name] = expand(template, values, escapes=False)
        return env


class Prepared:
    """A worktree with its ports and variables.

    Attributes:
        project: What was known before.
        entry: Its block; `entry.ports` has further names where services have gone.
        reused: Whether it had all of it before.
        computed: What all services share, before anything overrides it.
        dotenv: What the root's `.env` says of these.
        env: What all services share: computed, and overridden by `.env`.
        inherited: The variables among these that the user has set outside; they win.
        warnings: What the user should know, one line each.
    """

    __slots__ = (
        "computed",
        "dotenv",
        "entry",
        "env",
        "inherited",
        "project",
        "reused",
        "warnings",
    )

    def __init__(
        self,
        project: Project,
        entry: Entry,
        *,
        reused: bool,
        computed: dict[str, str],
        dotenv: dict[str, str],
        env: dict[str, str],
        inherited: dict[str, str],
        warnings: "Sequence[str]",
    ) -> None:
        self.project = project
        self.entry = entry
        self.reused = reused
        self.computed = computed
        self.dotenv = dotenv
        self.env = env
        self.inherited = inherited
        self.warnings = warnings

    @property
    def ports(self) -> dict[str, int]:
        """The allocated port of each instance; templates speak of these."""
        return self.entry.ports

    def effective_ports(self, *, with_inherited: bool = True) -> dict[str, int]:
        """The port that each instance is to listen on, as the user may have overridden it.

        Args:
            with_inherited: Whether what is exported counts, as it does for what is started here.

        Raises:
            PortOverrideError: A variable holds what is no port.
        """
        ports = {name: self.entry.ports[name] for name in self.project.names}
        for service in self.project.definitions.services:
            if service.env_var is not None:
                ports[service.name] = self.effective_port(service, with_inherited=with_inherited)
        return ports

    def effective_port(self, service: Service, *, with_inherited: bool = True) -> int:
        """The same, of the first instance of a service that has a port."""
        name = service.env_var or ""
        if with_inherited and name in self.inherited:
            return _port(service, self.inherited[name], "environment")
        if name in self.dotenv:
            return _port(service, self.dotenv[name], ".env")
        return self.entry.ports[service.name]


def find_project(
    cwd: str,
    *,
    config: str | None,
    count: int | None,
    environ: "Mapping[str, str]",
    scale: "Mapping[str, int] | None" = None,
) -> Project:
    """Find the worktree and read the definition files.

    Args:
        cwd: Absolute.
        config: The definition file, relative to `cwd`; None to look for it.
        count: How many anonymous ports to have instead; None for a definition file.
        environ: What is inherited.
        scale: How many instances there are of some services, other than the file says.

    Raises:
        BrokenWorktreeError: The worktree's `.git` leads nowhere.
        OffsetError: `PORTWEAVE_OFFSET` is no offset.
        DefinitionsMissingError: There is no definition file.
        DefinitionsInvalidError: It cannot be understood; or `count` is above 100.
        RegistryUnwritableError: There is no home directory.
        StackMovedError: Another worktree's stack runs since it lay where this one does.
    """
    offset = _offset(environ)
    worktree = find_here(cwd, environ)
    is_git = worktree.git_common_dir is not None
    if count is not None:
        definitions = anonymous(count)
    else:
        # git speaks of physical paths.
        top = worktree.root if is_git else None
        definitions = load(os.path.realpath(cwd) if is_git else cwd, top, config)
        if not is_git:
            worktree = outside_git(os.path.dirname(definitions.paths[0]), environ)
    worktree = as_running(worktree, environ)
    wanted = scale or {}
    return Project(
        worktree,
        definitions,
        offset=offset,
        registry=registry_path(environ),
        scale={
            service.name: max(1, wanted.get(service.name, service.scale))
            for service in definitions.services
            if service.env_var is not None
        },
        environ=environ,
    )


def find_worktree(cwd: str, config: str | None, environ: "Mapping[str, str]") -> Worktree:
    """Find the worktree without reading any definition file.

    Args:
        cwd: Absolute.
        config: The definition file, relative to `cwd`; None to look for it.
        environ: What is inherited.

    Raises:
        BrokenWorktreeError: The worktree's `.git` leads nowhere.
        OffsetError: `PORTWEAVE_OFFSET` is no offset.
    """
    _offset(environ)
    worktree = find_here(cwd, environ)
    if worktree.git_common_dir is None:
        folder = definitions_folder(cwd) if config is None else os.path.join(cwd, config, "..")
        worktree = outside_git(os.path.normpath(folder), environ)
    return worktree


def prepare(
    project: Project, *, look_for_strangers: bool = True, dry_run: bool = False
) -> Prepared:
    """Give a worktree its ports, and write them to its `.portweave/current.env`.

    Args:
        project: The worktree.
        look_for_strangers: Whether `warnings` are to tell who else listens in the block.
        dry_run: Whether only to find out which it would get: nothing is written.

    Raises:
        CurrentEnvError: The worktree cannot be written.
        DotenvError: A line of `.env` is malformed.
        EnvFileError: `.env` cannot be read.
        PinTakenError: `PORTWEAVE_OFFSET` names ports that others hold.
        PlaceholderError: A template names what has no value.
        PoolExhaustedError: There is no room for the block.
        RegistryDamagedError: The registry cannot be read.
        RegistryLockedError: Somebody else held it for too long.
        RegistryUnwritableError: It cannot be written.
        StackMovedError: Its stack runs since it lay elsewhere, and lacks one of the ports.
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
        entry = running_block(project.registry, project.worktree, names, environ)
        taken = TakenBlock(entry, reused=True)
    elif dry_run:
        taken = foresee(project.registry, request, environ, is_running=is_running)
    else:
        taken = take(project.registry, request, environ, is_running=is_running)
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
    if taken.reused and look_for_strangers:
        warnings += _strangers(names, entry, project.key.worktree_root)
    computed = project.computed(entry)
    dotenv = read_overrides(f"{root}/.env", computed.keys())
    env = {name: dotenv.get(name, value) for name, value in computed.items()}
    env["PORTWEAVE_NAMESPACE"] = entry.namespace
    if not dry_run:
        _write_current(root, current_env(env))
    # What an outer portweave has injected is not the user's wish.
    wishes: Mapping[str, str] = {} if "PORTWEAVE_WORKTREE" in environ else environ
    return Prepared(
        project,
        entry,
        reused=taken.reused,
        computed=computed,
        dotenv=dotenv,
        env=env,
        inherited={
            name: wishes[name]
            for name in computed
            if name in wishes and name != "PORTWEAVE_NAMESPACE"
        },
        warnings=warnings,
    )


def working_dir() -> str:
    """Where the command was given.

    Raises:
        UsageError: The folder has gone.
    """
    try:
        return os.getcwd()
    except OSError as error:
        raise errors.UsageError(f"there is no working directory: {error.strerror}") from error


def check_selection(config: str | None, count: str | None) -> int | None:
    """The number that `--count` names, None where it was not given.

    Raises:
        UsageError: It is no positive integer, or there is a `--config` too.
    """
    if count is None:
        return None
    if config is not None:
        raise errors.UsageError("--config and --count are mutually exclusive")
    text = count.strip()
    digits = text.removeprefix("+")
    if not (digits.isascii() and digits.isdigit()) or not digits.strip("0"):
        # What a number in another form is called is JavaScript's affair.
        raise errors.UsageError(f"--count must be a positive integer, received {_as_number(text)}")
    return int(digits) if len(digits) < 20 else 10**20


def _is_running(key: Key, environ: "Mapping[str, str]") -> bool:
    # Only here: most commands find all their ports in the registry.
    from portweave.supervisor.registry.stack_records import is_held, stack_key, stacks_dir

    return is_held(stacks_dir(environ), stack_key(key.worktree_root, key.namespace))


def _offset(environ: "Mapping[str, str]") -> int | None:
    try:
        return offset_from(environ.get("PORTWEAVE_OFFSET", ""))
    except ValueError as error:
        raise errors.OffsetError(str(error)) from None


def _as_number(text: str) -> str:
    digits = text.lstrip("+-")
    if digits.isascii() and digits.isdigit():
        number = digits.lstrip("0") or "0"
        return f"-{number}" if text.startswith("-") and number != "0" else number
    return text if _is_fraction(digits) else "NaN"


def _is_fraction(text: str) -> bool:
    whole, dot, fraction = text.partition(".")
    return bool(dot) and (whole + fraction).isascii() and (whole + fraction).isdigit()


def _port(service: Service, value: str, source: str) -> int:
    is_port = value.isascii() and value.isdigit() and len(value.lstrip("0")) <= 5
    if not is_port or not 1 <= int(value) <= 65535:
        raise errors.PortOverrideError(service.env_var or "", service.name, value, source=source)
    return int(value)


def _strangers(names: list[str], entry: Entry, root: str) -> list[str]:
    """Who listens in the worktree's block without belonging there."""
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


def logs_dir(root: str, namespace: str) -> str:
    """Where the logs of a worktree's stack lie; not made by this."""
    return f"{worktree_dir(root, namespace)}/logs"


def write_own_current(prepared: Prepared) -> None:
    """Write the `current.env` of a namespace that the user has chosen, which only it writes.

    `.portweave/current.env` is that of whoever asked last, as with npm portweave.

    Raises:
        CurrentEnvError: The worktree cannot be written.
    """
    root = prepared.project.worktree.root
    folder = worktree_dir(root, prepared.entry.namespace)
    if os.path.dirname(folder) == root.rstrip("/"):
        return
    path = f"{folder}/current.env"
    try:
        make_own_folder(folder)
        _write_changed(path, current_env(prepared.env).encode("utf-8", "surrogateescape"))
    except OSError as error:
        raise errors.CurrentEnvError(path, error.strerror or str(error)) from error


def _write_current(root: str, text: str) -> None:
    """Write `.portweave/current.env`, where it says something else."""
    folder = f"{root.rstrip('/')}/.portweave"
    path = f"{folder}/current.env"
    try:
        make_own_folder(folder)
        _write_changed(path, text.encode("utf-8", "surrogateescape"))
    except OSError as error:
        raise errors.CurrentEnvError(path, error.strerror or str(error)) from error


def _write_changed(path: str, data: bytes) -> None:
    try:
        if read_all(path) == data:
            return
    except FileNotFoundError:
        pass
    # Two threads of one process may come here in one millisecond.
    temporary = f"{path}.tmp.{os.getpid()}.{time.time_ns() // 1_000_000}.{get_ident()}"
    _write(temporary, data, 0o600)
    os.replace(temporary, path)


def _write(path: str, data: bytes, mode: int) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, mode)
    try:
        rest = memoryview(data)
        while rest:
            rest = rest[os.write(descriptor, rest) :]
    finally:
        os.close(descriptor)
