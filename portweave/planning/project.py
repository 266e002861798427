"""Find the worktree of a folder, and read its definitions. No port is known yet.

A warm `run` imports this, so it imports little.
"""

import os

from portweave import errors
from portweave.allocator.naming import instance_name, offset_from, project_name
from portweave.allocator.ports.assign import block_order
from portweave.allocator.ports.blocks import find_entry
from portweave.allocator.ports.model import Entry, Key
from portweave.allocator.ports.registry import registry_path
from portweave.allocator.state_folder import is_unusual, state_dir
from portweave.allocator.worktree import Worktree, locate, outside_git
from portweave.encoding.value import value
from portweave.procfiles.load import anonymous, definitions_folder, load
from portweave.procfiles.model import Definitions, Service

TYPE_CHECKING = False  # `typing` costs as much as the work
if TYPE_CHECKING:
    from collections.abc import Mapping


@value
class Project:
    """A worktree and its definitions.

    Attributes:
        worktree: The worktree; the user may have chosen its namespace.
        definitions: Its services.
        offset: The block's place in the pool, from `PORTWEAVE_OFFSET`; None for any place.
        registry: The path of the registry.
        scale: The number of instances of each service with a port.
        environ: The inherited variables.
    """

    worktree: Worktree
    definitions: Definitions
    offset: int | None
    registry: str
    scale: dict[str, int]
    environ: "Mapping[str, str]"

    @property
    def key(self) -> Key:
        """The worktree's key in the registry."""
        return self.worktree.key

    @property
    def name(self) -> str:
        """The project's name: from the definitions, or else the main worktree's folder.

        A stack keeps its own if that folder is renamed while it runs.
        """
        worktree = self.worktree
        return self.definitions.project_name or worktree.project or project_name(worktree.main_root)

    @property
    def names(self) -> list[str]:
        """Names of the instances with a port, in the order of the block."""
        return block_order(
            (service.name, service.group, self.scale[service.name])
            for service in self.definitions.services
            if service.name in self.scale
        )

    def instances(self) -> dict[str, tuple[Service, int]]:
        """Return the service and number of each instance, by the instance's name."""
        return {
            instance_name(service.name, number): (service, number)
            for service in self.definitions.services
            for number in range(1, max(1, self.scale.get(service.name, service.scale)) + 1)
        }

    def rows(self) -> list[tuple[str, str]]:
        """Return each instance with a port, in file order, and the name of its port's variable."""
        return [
            (instance_name(service.name, number), service.env_var if number == 1 else "PORT")
            for service in self.definitions.services
            if service.env_var is not None
            for number in range(1, self.scale[service.name] + 1)
        ]

    def computed(self, entry: Entry) -> dict[str, str]:
        """Return the variables that all services share, with the ports of `entry`.

        Raises:
            DriftError: The block has no port for a service.
            PlaceholderError: A template has a placeholder without a value.
        """
        env = {"PORTWEAVE_NAMESPACE": entry.namespace}
        for service in self.definitions.services:
            if service.env_var is not None:
                if service.name not in entry.ports:
                    raise errors.DriftError(service.name)
                env[service.env_var] = str(entry.ports[service.name])
            for name, template in service.discovery_env:
                env[name] = self._expanded(template, entry)
        return env

    def _expanded(self, template: str, entry: Entry) -> str:
        from portweave.procfiles.expand import Values, expand  # few files have templates

        values = Values(
            entry.ports,
            namespace=entry.namespace,
            git_common_dir=self.worktree.git_common_dir,
            worktree_root=self.worktree.root,
        )
        return expand(template, values, escapes=False)


def find_project(
    cwd: str,
    *,
    config: str | None,
    count: int | None,
    environ: "Mapping[str, str]",
    scale: "Mapping[str, int] | None" = None,
) -> Project:
    """Find the worktree of a folder, and read its definition files.

    Args:
        cwd: The folder, absolute.
        config: The definition file, relative to `cwd`; None to look for it.
        count: The number of anonymous ports in place of a definition file; None for a file.
        environ: The inherited variables.
        scale: Numbers of instances by service, in place of those in the file.

    Raises:
        BrokenWorktreeError: The worktree's `.git` names a missing repository.
        OffsetError: `PORTWEAVE_OFFSET` is not an offset.
        DefinitionsMissingError: There is no definition file.
        DefinitionsInvalidError: It is invalid; or `count` is above 100.
        RegistryUnwritableError: There is no home directory.
        StackMovedError: A stack of another worktree runs, which was moved away from this folder.
    """
    offset = _offset(environ)
    worktree = find_here(cwd, environ)
    is_git = worktree.git_common_dir is not None
    if count is not None:
        definitions = anonymous(count)
    else:
        # git reports physical paths.
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


def find_here(folder: str, environ: "Mapping[str, str]") -> Worktree:
    """Find the worktree of a folder; if its `.git` is broken, find it by its running stack.

    Args:
        folder: The folder, absolute.
        environ: As for `locate`.

    Raises:
        BrokenWorktreeError: Its `.git` names a missing repository, and none of its stacks runs.
    """
    try:
        return locate(folder, environ)
    except errors.BrokenWorktreeError:
        from portweave.planning.moved_stacks import find_by_stack

        found = find_by_stack(folder, environ)
        if found is None:
            raise
        return found


def as_running(worktree: Worktree, environ: "Mapping[str, str]") -> Worktree:
    """Return the worktree as its stack knows it, if its folder was moved while the stack runs.

    Args:
        worktree: The worktree, from its files.
        environ: The variables of the user. They name the state folder.

    Raises:
        StackMovedError: A stack of another worktree runs, which was moved away from this folder.
    """
    if worktree.registered is not None:
        return worktree
    if not is_unusual(f"{state_dir(environ)}/stacks", worktree.root):
        return worktree
    from portweave.planning.moved_stacks import as_moved

    return as_moved(worktree, environ)


def moved_key(worktree: Worktree) -> Key:
    """The key that the registry has for a worktree that was moved while its stack runs."""
    return Key(worktree.git_common_dir, worktree.namespace, worktree.root)


def find_block(project: Project) -> Entry | None:
    """Return the block that a project's worktree has, or None. This allocates nothing.

    Raises:
        RegistryDamagedError: The registry cannot be read.
    """
    entry = find_entry(project.registry, project.key, project.environ)
    if entry is not None or project.worktree.registered is None:
        return entry
    entry = find_entry(project.registry, moved_key(project.worktree), project.environ)
    if entry is not None:
        return entry
    # Another tool removed the entry of the missing folder, but the stack still runs.
    from portweave.planning.moved_stacks import block_of_stack

    return block_of_stack(project.key, project.environ)


def find_worktree(cwd: str, config: str | None, environ: "Mapping[str, str]") -> Worktree:
    """Find the worktree of a folder without reading definition files.

    Args:
        cwd: The folder, absolute.
        config: The definition file, relative to `cwd`; None to look for it.
        environ: The inherited variables.

    Raises:
        BrokenWorktreeError: The worktree's `.git` names a missing repository.
        OffsetError: `PORTWEAVE_OFFSET` is not an offset.
    """
    _offset(environ)
    worktree = find_here(cwd, environ)
    if worktree.git_common_dir is None:
        folder = definitions_folder(cwd) if config is None else os.path.join(cwd, config, "..")
        worktree = outside_git(os.path.normpath(folder), environ)
    return worktree


def working_dir() -> str:
    """Return the working directory.

    Raises:
        UsageError: The folder no longer exists.
    """
    try:
        return os.getcwd()
    except OSError as error:
        raise errors.UsageError(f"there is no working directory: {error.strerror}") from error


def _offset(environ: "Mapping[str, str]") -> int | None:
    try:
        return offset_from(environ.get("PORTWEAVE_OFFSET", ""))
    except ValueError as error:
        raise errors.OffsetError(str(error)) from None
