"""The history of each instance for `portweave why`: its last good run, and its last failure.

It lies in `.portweave/runs/<instance>.json`, with mode 0600. Beside it lies how the stack was last
started, so that the panel can start it the same way. Of variables it holds names and salted
digests. These show which variables changed, and reveal no secret.
"""

import os
import time
from collections.abc import Iterable, Mapping

from portweave.allocator.worktree import worktree_dir
from portweave.encoding.json_text import (
    is_list,
    is_object,
)
from portweave.encoding.value import value
from portweave.supervisor.services.plan import InstancePlan
from portweave.system.files import (
    make_own_folder,
    replace,
)

_SALT_BYTES = 16
# No instance can have this name.
_STARTED = ".started"
# The options of `up` that are kept. Variables may be secret, and are not.
_START_OPTIONS = (
    "services",
    "profiles",
    "scale",
    "noDeps",
    "restart",
    "timeoutS",
    "watch",
    "noProxy",
)


@value
class LastStart:
    """How a stack was last started.

    Attributes:
        folder: The working folder of the command.
        config: The absolute path of the definition file, if one was named.
        options: The other options, as in the stack's origin.
    """

    folder: str
    config: str | None
    options: Mapping[str, object]


class RunHistory:
    """The history of one stack's instances.

    Args:
        root: The worktree's root.
        namespace: Of the stack.

    Attributes:
        folder: The folder of the notes; it may be set to another path if the worktree was moved.
    """

    def __init__(self, root: str, namespace: str) -> None:
        self.folder = f"{worktree_dir(root, namespace)}/runs"
        self._began_ns = time.time_ns()
        # Services that are added later come last, so that no colour of `logs` changes.
        self._services: dict[str, None] = {}
        # `flush` writes them, so that no restart waits for a disk.
        self._unwritten: dict[str, dict[str, object]] = {}

    def record_success(self, plan: InstancePlan, at: str) -> None:
        """Record how an instance was started that became ready or completed.

        Args:
            plan: Its plan.
            at: The time, as RFC 3339.
        """
        salt = os.urandom(_SALT_BYTES).hex()
        good: dict[str, object] = {
            "at": at,
            "command": _words(plan),
            "workingDir": plan.working_dir,
            "port": plan.port,
            "salt": salt,
            "environment": digests(plan.environment, salt),
        }
        self._unwritten[plan.name] = {**self.read(plan.name), "good": good}

    def record_failure(self, name: str, end: Mapping[str, object]) -> None:
        """Record how a run failed."""
        self._unwritten[name] = {**self.read(name), "end": dict(end)}

    def record_start(
        self,
        origin: Mapping[str, object],
        removed: Iterable[str] = (),
        services: Iterable[str] = (),
    ) -> None:
        """Record how the stack was started.

        Args:
            origin: What the stack's plan was made from.
            removed: The services that it had and has no more.
            services: Its services, in the order of the definitions.
        """
        self._services |= dict.fromkeys(services)
        folder, config = origin.get("workingDir"), origin.get("config")
        if isinstance(folder, str):
            named = None
            if isinstance(config, str):
                named = os.path.normpath(os.path.join(folder, config))
            options = {name: origin[name] for name in _START_OPTIONS if name in origin}
            self._unwritten[_STARTED] = {
                "startedNs": self._began_ns,
                "removed": sorted(removed),
                "order": list(self._services),
                "workingDir": folder,
                "config": named,
                **options,
            }

    def flush(self) -> None:
        """Write all records."""
        while self._unwritten:
            self._write(*self._unwritten.popitem())

    def read(self, name: str) -> dict[str, object]:
        """The record of an instance; empty if there is none that can be read."""
        if name in self._unwritten:
            return self._unwritten[name]
        import json  # imported here, so that no start waits for it

        try:
            with open(f"{self.folder}/{name}.json", encoding="utf-8", errors="replace") as file:
                data: object = json.load(file)
        except (OSError, ValueError):
            return {}
        return data if is_object(data) else {}

    def read_start(self) -> LastStart | None:
        """How the stack was last started; None where that is unknown."""
        found = self.read(_STARTED)
        folder, config = found.get("workingDir"), found.get("config")
        if not isinstance(folder, str) or not (config is None or isinstance(config, str)):
            return None
        return LastStart(folder, config, {n: found[n] for n in _START_OPTIONS if n in found})

    def _write(self, name: str, data: Mapping[str, object]) -> None:
        import json

        path = f"{self.folder}/{name}.json"
        try:
            make_own_folder(self.folder)
            replace(path, json.dumps(data).encode())
        except OSError:
            # The history is optional, and the logs report a full disk.
            return


def digests(environment: Mapping[str, str], salt: str) -> dict[str, str]:
    """A salted digest of each variable's value, as 16 hexadecimal digits, by name."""
    from hashlib import sha256

    return {
        name: sha256(f"{salt}{name}={value}".encode("utf-8", "surrogateescape")).hexdigest()[:16]
        for name, value in environment.items()
    }


def _words(plan: InstancePlan) -> list[str]:
    """What it executes; of a hook, without the shell that runs its commands in turn."""
    return [plan.command] if plan.hook else list(plan.argv)


def differences(plan: InstancePlan, good: Mapping[str, object]) -> list[str]:
    """The differences between an instance's plan and its last good run, each in words."""
    found: list[str] = []
    command = good.get("command")
    if is_list(command) and [str(word) for word in command] != _words(plan):
        found.append(f"command: was {' '.join(map(str, command))}")
    if good.get("workingDir") != plan.working_dir:
        found.append(f"workingDir: was {good.get('workingDir')}")
    if good.get("port") != plan.port:
        found.append(f"port: was {good.get('port')}, is {plan.port}")
    before = good.get("environment")
    if is_object(before):
        now = digests(plan.environment, str(good.get("salt", "")))
        kinds = (
            ("new", sorted(now.keys() - before.keys())),
            ("gone", sorted(before.keys() - now.keys())),
            ("changed", sorted(n for n in now.keys() & before.keys() if now[n] != before[n])),
        )
        found += [f"environment, {kind}: {', '.join(names)}" for kind, names in kinds if names]
    return found
