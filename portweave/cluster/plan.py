"""Plan a cluster as a stack: each connection is a service, and the workers are one service.

A connection is declared by a function, `package.module:setup`, the path of a script, a command, or
a mapping of own variables whose `route` is one of these.
"""

import json
import os
import sys
from collections.abc import Callable, Mapping
from importlib import import_module
from importlib.util import find_spec
from typing import Any, cast

from portweave.allocator.state_folder import CLUSTER
from portweave.calls.options import (
    Options,
    check_flag,
    check_name,
    check_number,
    check_text,
    check_words,
)
from portweave.cluster.option_checks import (
    env_of,
    module_root,
    own_of,
    restart_of,
    settings_of,
)
from portweave.encoding.value import value
from portweave.errors import ConfigError
from portweave.supervisor.services.plan import (
    BusPlan,
    CallsPlan,
    InstancePlan,
    ReadyPlan,
    StackPlan,
)
from portweave.system.clean_environment import inherited_environment

DEFAULT, WORKER = "route", "worker"
# Names that a connection cannot have: the supervisor's address, and a folder's own script.
_RESERVED = {"supervisor", "index"}
# The variable that tells a process of a cluster what to run.
BEGINNING = "PORTWEAVE_CLUSTER"
# Names are part of file names, which have at most 255 bytes.
_LONGEST_NAME_BYTES = 200
# A greater number is a mistake.
_MOST_WORKERS = 10_000
_READY_WITHIN_S = 60.0
_SETTINGS = ("case_sensitive", "exact", "max_concurrency", "max_queue", "timeout_s")


@value
class Declared:
    """One declared connection.

    Attributes:
        name: The connection's name.
        kind: `script` (a path), `import` (`module:name`), `main` (a function in the main script),
            or `command`.
        target: A path, a name or a command, by `kind`; for `main`, the function's name.
        own: Own variables.
    """

    name: str
    kind: str
    target: str | tuple[str, ...]
    own: Mapping[str, object]


def declared(options: Options) -> list[Declared]:
    """The connections that options declare.

    Raises:
        ConfigError: The options cannot be used.
    """
    root = module_root(options)
    routes = options.get("routes", "routes")
    if isinstance(routes, Mapping):
        items = cast("Mapping[object, object]", routes)
        return [_declared(name, item, root) for name, item in items.items()]
    folder = check_text(routes, "routes", "a folder or a mapping")
    if not folder:
        raise ConfigError("routes must be a folder or a mapping, not an empty text")
    return _in_folder(os.path.join(root, folder))


def _in_folder(folder: str) -> list[Declared]:
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError as error:
        raise ConfigError(
            f"the folder of connections {folder} cannot be read: {error.strerror}",
            hint="routes=… takes another folder, or a mapping",
        ) from error
    found: list[Declared] = []
    for entry in entries:
        name, path = entry.name, entry.path
        if name.startswith((".", "__")):
            continue
        if entry.is_dir():
            path = os.path.join(path, "__init__.py")
            if not os.path.isfile(path):
                continue
        elif name.endswith(".py"):
            name = name.removesuffix(".py")
        else:
            continue
        if name != "index":
            found.append(Declared(_checked(name), "script", path, {}))
    return found


def _declared(name: object, item: object, root: str) -> Declared:
    name = _checked(name)
    own: dict[str, object] = {}
    if isinstance(item, Mapping):
        own = own_of(cast("Mapping[object, object]", item))
        item = own.pop("route", f"routes/{name}")
    if isinstance(item, (list, tuple)):
        words = check_words(cast("list[object]", item), name)
        return Declared(name, "command", words, own)
    if callable(item):
        return Declared(name, *_place_of(item, name), own)
    if isinstance(item, os.PathLike):
        item = os.fspath(cast("os.PathLike[str]", item))
    if not isinstance(item, str) or not item:
        raise ConfigError(
            f"the connection {name!r} is declared as {item!r}",
            hint="a function, 'package.module:setup', a script's path, a command list, or a mapping"
            " with one of these as 'route'",
        )
    item = check_text(item, f"what {name!r} is declared as", "a path")
    if ":" in item and "/" not in item and not item.endswith(".py"):
        return Declared(name, "import", _importable(item, name), own)
    return Declared(name, "script", _script(os.path.join(root, item), name), own)


def _importable(target: str, name: str) -> str:
    """A `package.module:function` whose module exists. It is not imported here."""
    package = target.partition(":")[0].partition(".")[0]
    if not package or find_spec(package) is None:
        raise ConfigError(
            f"the connection {name!r} is declared as {target!r}: there is no module {package!r}"
        )
    return target


def _script(path: str, name: str) -> str:
    for found in (path, f"{path}.py", os.path.join(path, "__init__.py")):
        if os.path.isfile(found):
            return found
    raise ConfigError(f"the script of the connection {name!r} does not exist: {path}")


def _checked(name: object) -> str:
    found = check_name(name)
    if found in _RESERVED:
        raise ConfigError(f"{found!r} cannot be the name of a connection: it is reserved")
    if len(found.encode("utf-8", "surrogateescape")) > _LONGEST_NAME_BYTES:
        raise ConfigError(f"the name of a connection is too long: {found[:40]!r}…")
    return found


def _check_apart(found: list[Declared], count: int) -> None:
    """Check that no connection has the name of another one, or of an instance."""
    names = {one.name: one for one in found}
    for one in found:
        if names[one.name] is not one:
            raise ConfigError(
                f"two connections have the name {one.name!r}: {one.target} and"
                f" {names[one.name].target}"
            )
        for number in range(1, _instances(one, count) + 1):
            if (taken := f"{one.name}.{number}") in names:
                raise ConfigError(
                    f"{taken!r} cannot be the name of a connection: it is an instance of"
                    f" {one.name!r}",
                    hint="give it another name",
                )


def _instances(one: Declared, count: int) -> int:
    return count if one.name == WORKER else 1


def _place_of(call: Callable[..., object], name: str) -> tuple[str, str]:
    """How a process finds a function again: the kind and the target.

    Raises:
        ConfigError: It cannot find it.
    """
    module, qualified = call.__module__, getattr(call, "__qualname__", "")
    if module == "__main__":
        main = sys.modules["__main__"]
        if getattr(main, "__file__", None) is None:
            raise ConfigError(
                f"the function of the connection {name!r} cannot be found again by its process:"
                " there is no main script",
                hint="put it into a module",
            )
        return "main", qualified
    if _looked_up(module, qualified) is not call:
        raise ConfigError(
            f"the function of the connection {name!r} cannot be found again by its process:"
            f" {module} has no {qualified}",
            hint="declare it at the top of a module",
        )
    return "import", f"{module}:{qualified}"


def _looked_up(module: str, qualified: str) -> object:
    found: object = import_module(module)
    for part in qualified.split("."):
        found = getattr(found, part, None)
    return found


def make_plan(options: Options, environ: Mapping[str, str]) -> StackPlan:
    """Plan the processes of a cluster.

    Raises:
        ConfigError: The options cannot be used.
    """
    root = os.getcwd()
    count = check_number(options.get("count"), "count", os.cpu_count() or 1, 0, _MOST_WORKERS)
    settings = settings_of(options, {})
    restart_of(options, {})
    found = declared(options)
    _check_apart(found, count)
    respawn = options.get("respawn")
    shared = {name: item for name, item in options.values.items() if name != "routes"}
    shared |= {
        "env": env_of(options, environ),
        "count": count,
        "respawn": True if respawn is None else respawn,
        "module_root": module_root(options),
        "case_sensitive_routing": settings.case_sensitive,
    }
    # The default first, then named connections, then the workers.
    order = {DEFAULT: 0, WORKER: 2}
    instances = [
        _instance(one, number, root, environ, shared, options)
        for one in sorted(found, key=lambda one: order.get(one.name, 1))
        for number in range(1, _instances(one, count) + 1)
    ]
    if not instances:
        raise ConfigError("the cluster has no connections", hint="routes=… names them")
    return StackPlan(
        project=os.path.basename(root) or "cluster",
        namespace=f"{CLUSTER}{os.getpid()}",
        root=root,
        instances=tuple(instances),
        wanted=frozenset(instance.name for instance in instances),
        calls=CallsPlan(
            default=DEFAULT if any(one.name == DEFAULT for one in found) else None,
            silent=frozenset({WORKER}),
            options=_json_of(shared),
            message_bytes=check_number(
                options.get("max_message"), "max_message", 16 * 1024 * 1024, 1024
            ),
            concurrency=settings.max_concurrency,
            queue=settings.max_queue,
            timeout_s=settings.timeout_s,
            bus=_bus(os.path.basename(root) or "cluster", environ),
        ),
    )


def _bus(project: str, environ: Mapping[str, str]) -> BusPlan | None:
    """The bus that `PORTWEAVE_HUB` names; None if it is not set."""
    if not environ.get("PORTWEAVE_HUB"):
        return None
    from portweave.planning.bus_plan import bus_plan

    project = environ.get("PORTWEAVE_PROJECT") or project
    return bus_plan(None, project, environ.get("PORTWEAVE_NAMESPACE") or "main", environ)


def _instance(
    one: Declared,
    number: int,
    root: str,
    environ: Mapping[str, str],
    shared: Mapping[str, object],
    options: Options,
) -> InstancePlan:
    name = one.name if number == 1 else f"{one.name}.{number}"
    settings = settings_of(options, one.own)
    beginning = {
        "key": one.name,
        "only_asks": one.name == WORKER,
        "settings": {name: getattr(settings, name) for name in _SETTINGS},
        "kind": one.kind,
        "target": one.target,
        "own": _json_of(one.own),
        "path": sys.path,
        "main": _main_script(),
    }
    is_python = one.kind != "command"
    argv = (sys.executable, "-m", "portweave.cluster.child") if is_python else tuple(one.target)
    environment = {
        **inherited_environment(environ),
        "PYTHONUNBUFFERED": "1",
        "PORTWEAVE_WORKTREE": root,
        "PORTWEAVE_NAME": name,
        "PORTWEAVE_ENV": str(shared["env"]),
        BEGINNING: json.dumps(beginning),
    }
    return InstancePlan(
        name=name,
        service=one.name,
        number=number,
        full_name=f"{name}-cluster",
        argv=argv,
        command=one.target if isinstance(one.target, str) else " ".join(one.target),
        working_dir=root,
        environment=environment,
        # A connection reports when its routes are declared; any other program need not.
        ready=ReadyPlan(notify=is_python, written=is_python, timeout_s=_READY_WITHIN_S),
        restart=restart_of(options, one.own),
        exported=check_flag(one.own.get("exported"), "exported", default=False),
    )


def _main_script() -> str | None:
    path = getattr(sys.modules.get("__main__"), "__file__", None)
    return os.path.abspath(path) if isinstance(path, str) else None


def _json_of(values: Mapping[str, object]) -> dict[str, Any]:
    """The values that can be passed to another process."""
    found: dict[str, Any] = {}
    for name, item in values.items():
        try:
            found[name] = json.loads(json.dumps(item))
        except (TypeError, ValueError):
            continue
    return found
