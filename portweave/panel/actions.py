"""Actions of the panel: calls to a stack's supervisor, and commands of portweave.

Calls to a supervisor block, so they run in worker threads. Actions that plan a stack run the
portweave command in the worktree: planning reads files and may take long.
"""

import os
import subprocess
import sys
from collections.abc import Mapping

import anyio
from anyio import to_thread

from portweave.allocator.ports.blocks import release_blocks
from portweave.allocator.ports.model import Key
from portweave.allocator.ports.registry import registry_path
from portweave.allocator.worktree import locate
from portweave.client.client import Client
from portweave.client.verb_queries import rows_of
from portweave.encoding.json_text import (
    is_list,
    is_object,
)
from portweave.errors import (
    CommandFailedError,
    NoStackError,
    OtherProtocolError,
    PanelForbiddenError,
    PortweaveError,
    StackInUseError,
)
from portweave.panel.worktrees import KnownWorktree, Worktrees
from portweave.supervisor.registry.stack_records import PROTOCOL, StackRecord
from portweave.supervisor.reporting.redact import (
    hide,
    masked,
)
from portweave.system import peer_credentials
from portweave.system.clean_environment import inherited_environment

# A service may use its grace period, and it may have to wait for others that stop first.
_PATIENCE_S = 120.0
# A page shows the rest without the answer.
_LOOK_PATIENCE_S = 5.0
_COMMAND_S = 600.0
_MOST_CONCURRENT = 16
_MOST_QUOTED_LINES = 20


class Actions:
    """Run the actions that the page asks for.

    Args:
        environ: Variables of the commands; also names the configuration and state folders.
        worktrees: The worktrees of this machine.
    """

    def __init__(self, environ: Mapping[str, str], worktrees: Worktrees) -> None:
        self._environ = environ
        self._worktrees = worktrees
        self._limit = anyio.CapacityLimiter(_MOST_CONCURRENT)

    async def ask(
        self,
        known: KnownWorktree,
        method: str,
        *params: object,
        patience_s: float = _PATIENCE_S,
    ) -> object:
        """Call a method of the supervisor of a worktree's stack.

        Args:
            known: The worktree.
            method: The method, such as `/supervisor/ps`.
            *params: Its parameters.
            patience_s: How long to wait for the answer, in seconds.

        Returns:
            The first value of the answer.

        Raises:
            NoStackError: No stack runs there.
            OtherProtocolError: The stack belongs to a portweave with another protocol.
            StackUnreachableError: The supervisor does not answer.
            SupervisorError: The supervisor refused.
        """

        def ask() -> object:
            client = Client(_running(known))
            try:
                return client.call(method, *params, patience_s=patience_s)
            finally:
                client.close()

        return await to_thread.run_sync(ask, limiter=self._limit, abandon_on_cancel=True)

    async def environment(self, known: KnownWorktree, service: str) -> dict[str, object]:
        """Return the environment of a service, with secret values masked."""
        fields, texts = await self._environment(known, service)
        shown = masked(texts)
        return {
            "name": fields.get("name"),
            "workingDir": fields.get("workingDir"),
            "environment": {name: shown[name] for name in sorted(shown)},
            "hidden": sorted(name for name in shown if shown[name] != texts[name]),
            "canReveal": peer_credentials.IS_KNOWN,
        }

    async def reveal(self, known: KnownWorktree, service: str, name: str) -> str | None:
        """Return the value of one variable of a service, or None where it does not exist.

        Args:
            known: The worktree.
            service: Name of the service.
            name: Name of the variable.

        Raises:
            PanelForbiddenError: The system cannot tell which user sends a request.
        """
        if not peer_credentials.IS_KNOWN:
            raise PanelForbiddenError
        return (await self._environment(known, service))[1].get(name)

    async def _environment(
        self, known: KnownWorktree, service: str
    ) -> tuple[Mapping[str, object], dict[str, str]]:
        found = await self.ask(known, "/supervisor/environment", [service])
        fields = found if is_object(found) else {}
        texts = fields.get("environment")
        return fields, {n: str(v) for n, v in texts.items()} if is_object(texts) else {}

    async def description(self, known: KnownWorktree, service: str) -> dict[str, object] | None:
        """Return how an instance is run and probed; None where no supervisor tells it.

        Args:
            known: The worktree.
            service: Name of the instance.
        """
        if known.record is None:
            return None
        try:
            answer = await self.ask(
                known, "/supervisor/describe", [service], patience_s=_LOOK_PATIENCE_S
            )
        except PortweaveError:
            # An older supervisor does not know the method; an idle worktree has none.
            return None
        found = rows_of(answer)
        return found[0] if found else None

    async def why(self, known: KnownWorktree, service: str) -> dict[str, object]:
        """Explain the state of a service; secret values are masked in its last lines."""
        found = rows_of(await self.ask(known, "/supervisor/why", [service]))
        row = found[0] if found else {}
        _, secrets = await self._environment(known, service)
        lines = row.get("lastLines")
        row["lastLines"] = [hide(str(line), secrets) for line in lines] if is_list(lines) else []
        return row

    async def scale(self, known: KnownWorktree, service: str, count: int) -> None:
        """Set the number of instances of a service.

        Args:
            known: The worktree.
            service: Name of the service.
            count: The number of instances.

        Raises:
            CommandFailedError: The command failed; the error quotes what it printed.
        """
        await self._command(known, "scale", f"{service}={count}")

    async def up(self, known: KnownWorktree) -> None:
        """Start the stack of a worktree with its last start options, and wait until it is ready.

        Raises:
            CommandFailedError: The stack did not become ready.
        """
        words = await to_thread.run_sync(self._worktrees.start_words, known)
        await self._command(known, "up", "--detach", *words)

    async def down(self, known: KnownWorktree) -> None:
        """Stop the stack of a worktree.

        Raises:
            CommandFailedError: Some processes of the stack still run.
        """
        await self._command(known, "down")

    def prune(self, key: Key) -> bool:
        """Release a worktree's ports; return whether it had any.

        Raises:
            PortweaveError: The registry cannot be changed.
            StackInUseError: The worktree's stack is running.
        """
        for known in self._worktrees.known().values():
            record = known.record
            if record is not None and (known.root, known.namespace) == (
                key.worktree_root,
                key.namespace,
            ):
                raise StackInUseError(record.namespace, record.root, record.pid)
        removed = release_blocks(
            registry_path(self._environ), lambda other: other == key, self._environ
        )
        return bool(removed)

    async def _command(self, known: KnownWorktree, *words: str) -> None:
        environ = inherited_environment(self._environ)
        if await to_thread.run_sync(_has_own_namespace, known, environ):
            environ["PORTWEAVE_NAMESPACE"] = known.namespace
        if not await to_thread.run_sync(os.path.isdir, known.root):
            raise CommandFailedError(words[0], (f"its folder {known.root} does not exist",))
        folder, config = await to_thread.run_sync(
            self._worktrees.started_from, known.root, known.namespace
        )
        options = ("--no-color",) if config is None else ("--no-color", "--config", config)
        # -I isolates: a folder in the worktree must not replace our own modules.
        argv = [sys.executable, "-Im", "portweave", *options, *words]
        with anyio.fail_after(_COMMAND_S):
            done = await anyio.run_process(
                argv,
                cwd=folder,
                env=environ,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                check=False,
                start_new_session=True,
            )
        if done.returncode != 0:
            said = done.stderr.decode("utf-8", "replace").splitlines()[-_MOST_QUOTED_LINES:]
            raise CommandFailedError(words[0], [line.removeprefix("[portweave] ") for line in said])


def _has_own_namespace(known: KnownWorktree, environ: Mapping[str, str]) -> bool:
    """Whether the namespace differs from the worktree's default one."""
    return locate(known.root, environ).namespace != known.namespace


def _running(known: KnownWorktree) -> StackRecord:
    record = known.record
    if record is None:
        raise NoStackError(f"in {known.root}")
    if record.protocol != PROTOCOL:
        raise OtherProtocolError(record.namespace, record.version)
    return record
