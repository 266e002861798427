"""What is remembered of each instance's runs, for `portweave why`: the last good one, the last end.

`.portweave/runs/<instance>.json`, 0600; beside them, how the stack was started last, so that the
panel can start it so again. Of variables only their names and a salted digest are kept:
enough to tell which have changed, and nothing to read a secret from.
"""

import os
import time
from collections.abc import Iterable, Mapping

from portweave.allocator.worktree import worktree_dir
from portweave.encoding.json_write import (
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
# No instance is called so.
_STARTED = ".started"
# What `up` was asked for. Its variables are nobody's to keep.
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
    """How a stack was started.

    Attributes:
        folder: Where the command was given.
        config: The definition file, absolute, if one was named.
        wishes: What else was asked for, as in the stack's origin.
    """

    folder: str
    config: str | None
    options: Mapping[str, object]


class RunHistory:
    """The memory of one stack's instances.

    Args:
        root: The worktree's root.
        namespace: The stack's.
    """

    def __init__(self, root: str, namespace: str) -> None:
        self._folder = f"{worktree_dir(root, namespace)}/runs"
        self._began_ns = time.time_ns()
        # What is noted is written by `flush`: a restart does not wait for a disk.
        self._unwritten: dict[str, dict[str, object]] = {}

    def record_success(self, plan: InstancePlan, at: str) -> None:
        """Remember how an instance was started that has become ready, or completed.

        Args:
            plan: Its plan.
            at: When, as RFC 3339.
        """
        salt = os.urandom(_SALT_BYTES).hex()
        good: dict[str, object] = {
            "at": at,
            "command": list(plan.argv),
            "workingDir": plan.working_dir,
            "port": plan.port,
            "salt": salt,
            "environment": digests(plan.environment, salt),
        }
        self._unwritten[plan.name] = {**self.read(plan.name), "good": good}

    def record_failure(self, name: str, end: Mapping[str, object]) -> None:
        """Remember how a run ended that was not to end so."""
        self._unwritten[name] = {**self.read(name), "end": dict(end)}

    def record_start(self, origin: Mapping[str, object], removed: Iterable[str] = ()) -> None:
        """Remember how the stack was started.

        Args:
            origin: What the stack's plan was made from.
            removed: The services that it had and has no more.
        """
        folder, config = origin.get("workingDir"), origin.get("config")
        if isinstance(folder, str):
            named = None
            if isinstance(config, str):
                named = os.path.normpath(os.path.join(folder, config))
            options = {name: origin[name] for name in _START_OPTIONS if name in origin}
            self._unwritten[_STARTED] = {
                "startedNs": self._began_ns,
                "removed": sorted(removed),
                "workingDir": folder,
                "config": named,
                **options,
            }

    def flush(self) -> None:
        """Write what has been noted."""
        while self._unwritten:
            self._write(*self._unwritten.popitem())

    def read(self, name: str) -> dict[str, object]:
        """What is remembered of an instance; empty where there is nothing, or nothing readable."""
        if name in self._unwritten:
            return self._unwritten[name]
        import json  # no start is to wait for it

        try:
            with open(f"{self._folder}/{name}.json", encoding="utf-8", errors="replace") as file:
                data: object = json.load(file)
        except (OSError, ValueError):
            return {}
        return data if is_object(data) else {}

    def read_start(self) -> LastStart | None:
        """How the stack was started last; None where that is not known."""
        found = self.read(_STARTED)
        folder, config = found.get("workingDir"), found.get("config")
        if not isinstance(folder, str) or not (config is None or isinstance(config, str)):
            return None
        return LastStart(folder, config, {n: found[n] for n in _START_OPTIONS if n in found})

    def _write(self, name: str, data: Mapping[str, object]) -> None:
        import json

        path = f"{self._folder}/{name}.json"
        try:
            make_own_folder(self._folder)
            replace(path, json.dumps(data).encode())
        except OSError:
            # It only helps to explain: a full disk is told elsewhere.
            return


def digests(environment: Mapping[str, str], salt: str) -> dict[str, str]:
    """A digest of each variable's value, by which a change is seen."""
    from hashlib import sha256

    return {
        name: sha256(f"{salt}{name}={value}".encode("utf-8", "surrogateescape")).hexdigest()[:16]
        for name, value in environment.items()
    }


def differences(plan: InstancePlan, good: Mapping[str, object]) -> list[str]:
    """What an instance is started with now that differs from its last good run, in words."""
    found: list[str] = []
    command = good.get("command")
    if is_list(command) and [str(word) for word in command] != list(plan.argv):
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
