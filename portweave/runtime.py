"""The worktree's ports and variables, for programs.

    from portweave.runtime import ports, ports_sync

    web = (await ports()).unwrap()["web"]
    web = ports_sync().unwrap()["web"]

Every function returns `Ok(value)` or `Err(error)`; it raises no error that a user can cause. Like
`portweave run`, they allocate a block where the worktree has none, and write
`.portweave/current.env`. Unlike `run` they ignore inherited variables.

The functions import what they need when they are called, so importing this module is cheap.
"""

import os

TYPE_CHECKING = False  # importing `typing` takes as long as the work
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Generic, Literal, NoReturn, TypeAlias, TypeVar

    from portweave.errors import PortweaveError
    from portweave.planning.allocation import AllocatedProject
    from portweave.planning.project import Project

    T = TypeVar("T")
    T_co = TypeVar("T_co", covariant=True)
    Path: TypeAlias = str | os.PathLike[str]
else:

    class Generic:
        """The part of `typing.Generic` that `Ok[int]` needs."""

        __slots__ = ()
        __class_getitem__ = classmethod(type(list[int]))

    T_co = None

__all__ = [
    "Allocation",
    "AllocationKey",
    "Err",
    "Ok",
    "Result",
    "allocation",
    "allocation_sync",
    "env",
    "env_sync",
    "namespace",
    "namespace_sync",
    "ports",
    "ports_sync",
]


class Ok(Generic[T_co]):
    """A success.

    Attributes:
        ok: True.
        value: The result.
    """

    __match_args__ = ("value",)
    __slots__ = ("value",)
    ok: "Literal[True]" = True

    def __init__(self, value: T_co) -> None:
        self.value = value

    @property
    def error(self) -> "NoReturn":
        """Raise `AttributeError`: a success has no error."""
        raise AttributeError("a success has no error", name="error", obj=self)

    def unwrap(self) -> T_co:
        """Return the value."""
        return self.value

    def __bool__(self) -> "Literal[True]":
        return True

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Ok) and bool(self.value == other.value)  # pyright: ignore

    def __hash__(self) -> int:
        return hash((Ok, self.value))

    def __repr__(self) -> str:
        return f"Ok({self.value!r})"


class Err:
    """A failure.

    Attributes:
        ok: False.
        error: The error, with `code`, `message` and `hints`.
    """

    __match_args__ = ("error",)
    __slots__ = ("error",)
    ok: "Literal[False]" = False

    def __init__(self, error: "PortweaveError") -> None:
        self.error = error

    @property
    def value(self) -> "NoReturn":
        """Raise the error: a failure has no value."""
        raise self.error

    def unwrap(self) -> "NoReturn":
        """Raise the error."""
        raise self.error

    def __bool__(self) -> "Literal[False]":
        return False

    def __repr__(self) -> str:
        return f"Err({self.error.code}: {self.error.message})"


if TYPE_CHECKING:
    Result: TypeAlias = Ok[T] | Err


class AllocationKey:
    """The key of a block in the registry.

    Attributes:
        git_common_dir: The repository, absolute; None outside git.
        namespace: The worktree's namespace, or the one that the user chose.
        offset_override: `PORTWEAVE_OFFSET`, where it has just placed the block; else None.
        worktree_root: Absolute.
    """

    __slots__ = ("git_common_dir", "namespace", "offset_override", "worktree_root")

    def __init__(
        self,
        git_common_dir: str | None,
        namespace: str,
        offset_override: int | None,
        worktree_root: str,
    ) -> None:
        self.git_common_dir = git_common_dir
        self.namespace = namespace
        self.offset_override = offset_override
        self.worktree_root = worktree_root

    def __repr__(self) -> str:
        return f"AllocationKey({self.worktree_root!r}, {self.namespace!r})"


class Allocation:
    """A worktree's block in the registry.

    Attributes:
        key: The key of the block.
        last_used_at: The last use, to the hour, as `2026-01-31T12:34:56.789Z`.
        namespace: The namespace that is shown and injected.
        ports: Instance (`web`, `web.2`) to port; also of removed services.
    """

    __slots__ = ("key", "last_used_at", "namespace", "ports")

    def __init__(
        self, key: AllocationKey, last_used_at: str, namespace: str, ports: "Mapping[str, int]"
    ) -> None:
        self.key = key
        self.last_used_at = last_used_at
        self.namespace = namespace
        self.ports = ports

    def __repr__(self) -> str:
        return f"Allocation({self.key!r}, ports={dict(self.ports)!r})"


def ports_sync(
    *,
    cwd: "Path | None" = None,
    config_path: "Path | None" = None,
    count: int | None = None,
) -> "Result[dict[str, int]]":
    """Return the port of each instance (`web`, `web.2`); `.env` may override it.

    Args:
        cwd: The folder where the search for definition files begins, upwards to the worktree's
            root; by default the working directory.
        config_path: A definition file to read instead, relative to `cwd`.
        count: The number of ports (`port-1`, `port-2`, …) where there is no definition file.

    Returns:
        `Ok` with instance to port, or `Err`. Some codes: PW0701 without a definition file and
        `count`, PW0102 for an invalid definition file, PW0401 for a full pool, PW0503 for a value
        in `.env` that is not a port.
    """
    return _answer(
        lambda: _allocated(cwd, config_path, count).effective_ports(with_inherited=False)
    )


def env_sync(
    *,
    cwd: "Path | None" = None,
    config_path: "Path | None" = None,
    count: int | None = None,
) -> "Result[dict[str, str]]":
    """Return the shared variables: each `envVar` and `discoveryEnv`, and the namespace.

    The root's `.env` overrides computed values; the process's environment does not. Arguments are
    as for `ports_sync`.
    """
    return _answer(lambda: dict(_allocated(cwd, config_path, count).env))


def allocation_sync(
    *,
    cwd: "Path | None" = None,
    config_path: "Path | None" = None,
    count: int | None = None,
) -> "Result[Allocation]":
    """Return the worktree's block in the registry; arguments are as for `ports_sync`."""
    return _answer(lambda: _allocation(_allocated(cwd, config_path, count)))


def namespace_sync(
    *,
    cwd: "Path | None" = None,
    config_path: "Path | None" = None,
    count: int | None = None,
) -> "Result[str]":
    """Return the worktree's namespace: `main`, `<slug>-<hash>`, or `PORTWEAVE_NAMESPACE`.

    It allocates, locks and writes nothing, and needs no definition file. Arguments are as for
    `ports_sync`; `count` has no effect.
    """
    del count
    return _answer(lambda: _namespace(cwd, config_path))


async def ports(
    *,
    cwd: "Path | None" = None,
    config_path: "Path | None" = None,
    count: int | None = None,
) -> "Result[dict[str, int]]":
    """Run `ports_sync` in a thread; a cancelled caller does not wait for it.

    Arguments are as for `ports_sync`.
    """
    return await _in_thread(lambda: ports_sync(cwd=cwd, config_path=config_path, count=count))


async def env(
    *,
    cwd: "Path | None" = None,
    config_path: "Path | None" = None,
    count: int | None = None,
) -> "Result[dict[str, str]]":
    """Run `env_sync` in a thread; a cancelled caller does not wait for it.

    Arguments are as for `ports_sync`.
    """
    return await _in_thread(lambda: env_sync(cwd=cwd, config_path=config_path, count=count))


async def allocation(
    *,
    cwd: "Path | None" = None,
    config_path: "Path | None" = None,
    count: int | None = None,
) -> "Result[Allocation]":
    """Run `allocation_sync` in a thread; a cancelled caller does not wait for it.

    Arguments are as for `ports_sync`.
    """
    return await _in_thread(lambda: allocation_sync(cwd=cwd, config_path=config_path, count=count))


async def namespace(
    *,
    cwd: "Path | None" = None,
    config_path: "Path | None" = None,
    count: int | None = None,
) -> "Result[str]":
    """Run `namespace_sync` in a thread; a cancelled caller does not wait for it.

    Arguments are as for `ports_sync`.
    """
    return await _in_thread(lambda: namespace_sync(cwd=cwd, config_path=config_path, count=count))


async def _in_thread(work: "Callable[[], T]") -> "T":
    # The caller has imported asyncio already; importing anyio would block the event loop for
    # 20 ms.
    from asyncio import to_thread

    # A thread cannot be stopped. Its work is complete in itself, and the deadline for the
    # registry's lock limits its time.
    return await to_thread(work)


def _answer(work: "Callable[[], T]") -> "Result[T]":
    from portweave.errors import PortweaveError

    try:
        return Ok(work())
    except PortweaveError as error:
        return Err(error)


def _allocated(
    cwd: "Path | None", config_path: "Path | None", count: int | None
) -> "AllocatedProject":
    from portweave.planning.allocation import allocate

    allocated = allocate(find_services(_folder(cwd), config_path, count))
    if allocated.warnings:
        # The caller decides how to handle them.
        from logging import getLogger

        for warning in allocated.warnings:
            getLogger(__name__).warning(warning)
    return allocated


def find_services(cwd: str, config_path: "Path | None", count: int | None) -> "Project":
    """Find the worktree and its services; a definition file takes precedence over `count`.

    Args:
        cwd: Absolute.
        config_path: The definition file, relative to `cwd`; None to look for it.
        count: The number of anonymous ports where there is no definition file.

    Raises:
        PortweaveError: As `find_project`; and where there is neither a file nor `count`.
    """
    from portweave.errors import DefinitionsMissingError, NoServicesError
    from portweave.planning.project import find_project

    environ = dict(os.environ)
    config = None if config_path is None else os.fspath(config_path)
    try:
        return find_project(cwd, config=config, count=None, environ=environ)
    except DefinitionsMissingError as error:
        if config is not None:
            raise
        if count is None:
            raise NoServicesError(cwd, looked=error.hints[:1]) from None
    return find_project(cwd, config=None, count=count, environ=environ)


def _allocation(allocated: "AllocatedProject") -> Allocation:
    entry, project = allocated.entry, allocated.project
    return Allocation(
        AllocationKey(
            entry.key.git_common_dir,
            entry.key.namespace,
            None if allocated.reused else project.offset,
            entry.key.worktree_root,
        ),
        entry.last_used_at,
        entry.namespace,
        dict(entry.ports),
    )


def _namespace(cwd: "Path | None", config_path: "Path | None") -> str:
    from portweave.planning.project import as_running, find_worktree

    config = None if config_path is None else os.fspath(config_path)
    environ = dict(os.environ)
    return as_running(find_worktree(_folder(cwd), config, environ), environ).namespace


def _folder(cwd: "Path | None") -> str:
    from portweave.planning.project import working_dir

    # An absolute path does not need the working directory, which may be deleted.
    path = "" if cwd is None else os.fspath(cwd)
    return os.path.normpath(path if os.path.isabs(path) else os.path.join(working_dir(), path))


def __getattr__(name: str) -> object:
    if name == "Result":
        # Created on demand: `Result[int]` needs `typing`.
        from typing import TypeVar

        value = TypeVar("value")
        globals()["Result"] = Ok[value] | Err  # type: ignore[valid-type]  # pyright: ignore
        return globals()["Result"]
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
