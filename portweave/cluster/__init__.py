"""What a service imports to call others, and to start a star of its own.

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
    """A hub, and the processes of its connections.

    Options, all of which may be left out; any other name is a variable of the user's own, which
    every connection can `get`:

    - `routes`: a folder of scripts, each of which is a connection (`routes`); or name to function,
      `"package.module:function"`, path of a script, command (a list), or a mapping of own variables
      with one of these as `route`.
    - `count`: how many workers there are, from 0 (number of processors).
    - `respawn`: True: what ends is started again, after pauses that grow, up to 10 times without
      10 seconds of health between; False: the end of one ends all; or a mapping with `limit` (a
      number of restarts, None for any), `pauses` (seconds, or a list: before the first restart, the
      second and so on) or `never` (True: what has ended stays so, and the others go on) (True).
    - `env`: what it runs as (`PORTWEAVE_ENV`, `NODE_ENV`, or `development`).
    - `module_root`: what paths are relative to; processes run in the working directory all the same
      (the working directory).
    - `case_sensitive_routing`, `exact`: as of `Router` (True, False).
    - `timeout`: seconds that a request may take which does not say so itself; None for any (30).
    - `max_concurrency`, `max_queue`: how many requests a connection handles at a time, and how many
      may wait for it (64, 1024).
    - `max_message`: the longest message, in bytes (16 MiB).

    Args:
        options: By name.
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
            options: By name; a name with dots goes into mappings.
            overwrite: Whether what is set already is set anew.
            more: Besides; these win.
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
        """Set many options, or none, as `init`; return all of them, which may be changed."""
        self.init(options, overwrite=overwrite, **more)
        return self._options.values

    def set(self, name: str, value: object, *, overwrite: bool = True) -> "Cluster":
        """Set one option; a name with dots goes into mappings.

        Args:
            name: Of the option.
            value: What JSON cannot hold stays in this process.
            overwrite: Whether one that is set already is set anew.
        """
        self._options.set(name, value, overwrite=overwrite)
        return self

    def get(self, name: str, default: object = None) -> Any:
        """The value of an option; `default` where there is none. A name with dots as for `set`."""
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
        """Whether the value of an option counts as true."""
        return self._options.enabled(name)

    def disabled(self, name: str) -> bool:
        """Whether it does not."""
        return self._options.disabled(name)

    def extend_path(self, *parts: str) -> str:
        """A path relative to the module root, made absolute."""
        from os.path import join, normpath

        from portweave.cluster.option_checks import module_root

        return normpath(join(module_root(self._options), *parts))

    def start(self) -> None:
        """Start all processes, and stay until the last has ended; later calls do nothing.

        Raises:
            ConfigError: The options cannot be used, or we are a process of a cluster ourselves.
            SystemExit: Something has failed, or a signal has ended us; with the status for it.
        """
        if self._started:
            return
        self._started = True
        from portweave.cluster.start import start

        status = start(self._options)
        if status:
            raise SystemExit(status)

    async def serve(self) -> int:
        """The same within a running loop of asyncio; return the exit status.

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
    """Make a cluster, which `Cluster.start` starts: options as of `Cluster`.

    Args:
        options: By name.
        more: Besides; these win.
    """
    cluster = Cluster({**(options or {}), **more})
    _declared.append(cluster)
    return cluster


def declared_clusters() -> list[Cluster]:
    """What `init` has made in this process."""
    return _declared
