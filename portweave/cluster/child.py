"""A process of a cluster: connect to the hub, run the script with the connection, and answer."""

import asyncio
import importlib
import importlib.util
import inspect
import json
import os
import runpy
import socket
import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any, cast

from portweave.calls.connection import Connection
from portweave.calls.joining import NAME, SOCKET, TOKEN, join
from portweave.errors import ClusterError, ConfigError

BEGINNING = "PORTWEAVE_CLUSTER"
# The main script's name in other processes. It differs from `__main__`, so the code below
# `if __name__ == "__main__"` does not run again.
MAIN = "__portweave_main__"
Setup = Callable[[Connection], Any]


def main() -> int:
    """Run the process that the environment describes; return the exit status."""
    beginning: dict[str, Any] = json.loads(os.environ[BEGINNING])
    sys.path[:] = beginning["path"]
    try:
        _run(_serve(beginning))
    except ClusterError as error:
        sys.stderr.write(f"{error.message} ({error.code})\n")
        sys.stderr.writelines(f"hint: {hint}\n" for hint in error.hints)
        return error.exit_status
    except KeyboardInterrupt:
        # Ctrl-C reaches all processes of a terminal; the supervisor ends this one in order.
        return 130
    return 0


def _run(main: Any) -> None:
    if importlib.util.find_spec("uvloop") is None:
        asyncio.run(main)
        return
    uvloop = importlib.import_module("uvloop")
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main)


async def _serve(beginning: dict[str, Any]) -> None:
    connection = Connection(os.environ[NAME], **beginning["settings"])
    connection.key = beginning["key"]
    connection.only_asks = beginning["only_asks"]
    async with join(os.environ[SOCKET], connection, os.environ[TOKEN]):
        # Own variables win, whichever were set first.
        connection.options = {**connection.options, **beginning["own"]}
        work = find_setup(beginning, connection.options["module_root"])(connection)
        running: asyncio.Future[Any] | None = None
        if not connection.only_asks:
            if inspect.isawaitable(work):
                await work
            connection.ready()
        elif inspect.isawaitable(work):
            # It may call for ever, so it is ready as soon as it has begun.
            running = asyncio.ensure_future(work)
            await asyncio.sleep(0)
        _notify_ready()
        await _stay(connection, running)


async def _stay(connection: Connection, work: "asyncio.Future[Any] | None") -> None:
    """Wait until the hub has gone, or a worker's function has failed."""
    gone = asyncio.ensure_future(connection.closed())
    if work is not None:
        await asyncio.wait((gone, work), return_when=asyncio.FIRST_COMPLETED)
        if not gone.done():
            work.result()
        work.cancel()
        await asyncio.wait((work,))
    await gone


def _notify_ready() -> None:
    path = os.environ.get("NOTIFY_SOCKET")
    if path:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as to:
            to.sendto(b"READY=1", path)


def find_setup(beginning: dict[str, Any], root: str) -> Setup:
    """The function that sets a connection up.

    Args:
        beginning: What the parent process passed on.
        root: What a path in a script is relative to.

    Raises:
        ConfigError: There is none.
    """
    name = os.environ.get(NAME, "")
    found: object = None
    match beginning["kind"], beginning["target"]:
        case "import", str(target):
            module, _, attribute = target.partition(":")
            found = importlib.import_module(module)
            for part in attribute.split("."):
                found = getattr(found, part, None)
        case "main", str(qualified):
            found = _in_main(beginning["main"], beginning["key"], qualified)
        case _, target:
            return _in_script(str(target), name, root)
    if not callable(found):
        raise ConfigError(f"the connection {name!r} has no function at {beginning['target']}")
    return found


def _in_main(path: str, key: str, qualified: str) -> object:
    """A function of the main script: as declared in this process, or by its name."""
    from portweave import cluster

    if MAIN in sys.modules:
        module = sys.modules[MAIN].__dict__
    else:
        sys.modules[MAIN] = ModuleType(MAIN)
        module = runpy.run_path(path, run_name=MAIN)
        sys.modules[MAIN].__dict__.update(module)
    for hub in cluster.declared_clusters():
        item = _mapping(hub.get("routes")).get(key)
        found: object = _mapping(item).get("route", item)
        if callable(found):
            return found
    found = module.get(qualified.partition(".")[0])
    for part in qualified.split(".")[1:]:
        found = getattr(found, part, None)
    if found is None:
        raise ConfigError(
            f"the main script {path} has no function {qualified} for {key!r}",
            hint="declare it, and call cluster.init, outside of `if __name__ == '__main__'`",
        )
    return found


def _mapping(value: object) -> dict[str, Any]:
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}


def _in_script(path: str, name: str, root: str, depth: int = 0) -> Setup:
    """The `setup` or `run` of a script. A text is the path of another script."""
    folder = os.path.dirname(path)
    if folder not in sys.path:
        sys.path.insert(0, folder)
    # A prefix, so that a script `json.py` does not replace a module.
    own = "portweave_route_" + "".join(c if c.isalnum() else "_" for c in name)
    is_package = os.path.basename(path) == "__init__.py"
    spec = importlib.util.spec_from_file_location(
        own, path, submodule_search_locations=[folder] if is_package else None
    )
    if spec is None or spec.loader is None:
        raise ConfigError(f"the script {path} of the connection {name!r} is not Python")
    module = importlib.util.module_from_spec(spec)
    sys.modules[own] = module
    spec.loader.exec_module(module)
    for attribute in ("setup", "run"):
        found: object = getattr(module, attribute, None)
        if isinstance(found, str) and depth < 10:
            return _in_script(os.path.join(root, found), name, root, depth + 1)
        if callable(found):
            return found
    raise ConfigError(
        f"the script {path} of the connection {name!r} has no function setup or run",
        hint="def setup(connection): … declares its routes",
    )


if __name__ == "__main__":
    sys.exit(main())
