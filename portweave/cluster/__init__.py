"""Start processes that call each other, and connect services to the hub of calls.

hub = cluster.init(routes="routes", count=2, greeting="hi")
if __name__ == "__main__":
    hub.start()
"""

from collections.abc import Mapping
from typing import Any

from portweave.calls.connection import Connection
from portweave.calls.options import Options
from portweave.calls.request import Reply, Request
from portweave.calls.router import Router
from portweave.calls.walk import Next
from portweave.cluster.join import connect
from portweave.errors import (
    BadPath,
    Cancelled,
    ClusterError,
    ConfigError,
    ConnectionNotFound,
    HubUnreachable,
    MessageTooLarge,
    NameTaken,
    NotSerializable,
    Overloaded,
    PeerDied,
    RemoteError,
    RequestTimeout,
    RouteNotFound,
)

__all__ = [
    "BadPath",
    "Cancelled",
    "Cluster",
    "ClusterError",
    "ConfigError",
    "Connection",
    "ConnectionNotFound",
    "HubUnreachable",
    "MessageTooLarge",
    "NameTaken",
    "Next",
    "NotSerializable",
    "Overloaded",
    "PeerDied",
    "RemoteError",
    "Reply",
    "Request",
    "RequestTimeout",
    "RouteNotFound",
    "Router",
    "connect",
    "init",
]


class Cluster:
    """A hub, and the processes that connect to it.

    All options may be left out. Any other name is a variable of your own, which every connection
    can `get`:

    - `routes`: a folder of scripts, each of which is a connection (`routes`); or a mapping. Its
      keys are names. Its values are functions, `"package.module:function"`, paths of scripts,
      commands (lists), or mappings of own variables with one of these as `route`.
    - `count`: how many workers to start, 0 or more (number of processors).
    - `respawn`: what to do when a process ends (True). True: restart it after growing pauses, up to
      10 times without 10 healthy seconds between. False: end the cluster. Or a mapping with `limit`
      (a number of restarts, None for no limit), `pauses` (seconds, or a list: before the first
      restart, the second and so on) or `never` (True: leave it ended; the others go on).
    - `env`: the environment's name (`PORTWEAVE_ENV`, `NODE_ENV`, or `development`).
    - `module_root`: what paths are relative to (the working directory, where processes always run).
    - `case_sensitive_routing`, `exact`: as in `Router` (True, False).
    - `timeout`: seconds for requests without a time limit; None for no limit (30).
    - `max_concurrency`, `max_queue`: how many requests a connection handles at a time, and how many
      may wait for it (64, 1024).
    - `max_message`: the longest message, in bytes (16 MiB).

    Args:
        options: Options by name.
    """

    def __init__(self, options: Mapping[str, object]) -> None:
        self._options = Options(options)
        self._started = False

    def init(
        self,
        options: Mapping[str, object] | None = None,
        /,
        *,
        overwrite: bool = True,
        **more: object,
    ) -> "Cluster":
        """Set many options, by keyword or in a mapping.

        Args:
            options: Options by name. A name with dots leads into mappings.
            overwrite: Whether to change options that are set already.
            more: More options; these win.
        """
        self._options.update({**(options or {}), **more}, overwrite=overwrite)
        return self

    def options(
        self,
        options: Mapping[str, object] | None = None,
        /,
        *,
        overwrite: bool = True,
        **more: object,
    ) -> dict[str, Any]:
        """Set options as `init` does; return all of them. You may change the result."""
        self.init(options, overwrite=overwrite, **more)
        return self._options.values

    def set(self, name: str, value: object, *, overwrite: bool = True) -> "Cluster":
        """Set one option. A name with dots leads into mappings.

        Args:
            name: The option.
            value: Its value. What JSON cannot hold stays in this process.
            overwrite: Whether to change an option that is set already.
        """
        self._options.set(name, value, overwrite=overwrite)
        return self

    def get(self, name: str, default: object = None) -> Any:
        """The value of an option; `default` if there is none. Names as in `set`."""
        return self._options.get(name, default)

    def enable(self, name: str) -> "Cluster":
        """Set an option to True."""
        self._options.enable(name)
        return self

    def disable(self, name: str) -> "Cluster":
        """Set an option to False."""
        self._options.disable(name)
        return self

    def enabled(self, name: str) -> bool:
        """Whether an option's value is true."""
        return self._options.enabled(name)

    def disabled(self, name: str) -> bool:
        """Whether an option's value is false, or missing."""
        return self._options.disabled(name)

    def extend_path(self, *parts: str) -> str:
        """An absolute path of parts relative to the module root."""
        from os.path import join, normpath

        from portweave.cluster.option_checks import module_root

        return normpath(join(module_root(self._options), *parts))

    def start(self) -> None:
        """Start all processes, and wait for their end. Later calls do nothing.

        Raises:
            ConfigError: The options cannot be used, or this is a process of a cluster.
            SystemExit: A process has failed, or a signal has ended the cluster; with the status.
        """
        if self._started:
            return
        self._started = True
        from portweave.cluster.start import start

        status = start(self._options)
        if status:
            raise SystemExit(status)

    async def serve(self) -> int:
        """As `start`, in a running loop of asyncio; return the exit status.

        Cancelling it ends all processes. A later call returns 0 at once.

        Raises:
            ConfigError: As `start`.
        """
        if self._started:
            return 0
        self._started = True
        from portweave.cluster.start import serve

        return await serve(self._options)


_declared: list[Cluster] = []


def init(options: Mapping[str, object] | None = None, /, **more: object) -> Cluster:
    """Make a cluster, to be started by `Cluster.start`.

    Args:
        options: Options by name, as in `Cluster`.
        more: More options; these win.
    """
    cluster = Cluster({**(options or {}), **more})
    _declared.append(cluster)
    return cluster


def declared_clusters() -> list[Cluster]:
    """The clusters that `init` has made in this process."""
    return _declared
