"""What the panel has done: by the supervisor of a stack, or by the commands of portweave.

Questions to a supervisor block, and are asked in threads of their own. What plans a stack is a
command, as a user would give it in that worktree: it reads files, and may take its time.
"""

import os
import subprocess
import sys
from collections.abc import Mapping

import anyio
from anyio import to_thread

from portweave.allocator.ports.blocks import give_back
from portweave.allocator.ports.model import Key
from portweave.allocator.ports.registry import registry_path
from portweave.allocator.worktree import locate
from portweave.client.client import Client
from portweave.client.verb_queries import rows_of
from portweave.encoding.json_write import (
    is_list,
    is_object,
)
from portweave.errors import (
    CommandFailedError,
    NoStackError,
    OtherProtocolError,
    PanelForbiddenError,
    StackInUseError,
)
from portweave.panel.worktrees import Known, Worktrees
from portweave.supervisor.registry.stack_records import PROTOCOL, StackRecord
from portweave.supervisor.reporting.redact import (
    hide,
    masked,
)
from portweave.system import peer_credentials
from portweave.system.clean_environment import inherited_environment

# A service has its grace to stop, and more than one may wait for others.
_PATIENCE_S = 120.0
_COMMAND_S = 600.0
_AT_ONCE = 16
_MOST_SAID = 20


class Actions:
    """Does what the page asks for.

    Args:
        environ: Of the commands; names the folders of configuration and state.
        worktrees: Which there are.
    """

    def __init__(self, environ: Mapping[str, str], worktrees: Worktrees) -> None:
        self._environ = environ
        self._worktrees = worktrees
        self._limit = anyio.CapacityLimiter(_AT_ONCE)

    async def ask(self, known: Known, method: str, *params: object) -> object:
        """Ask the supervisor of a worktree's stack.

        Raises:
            NoStackError: None runs there.
            OtherProtocolError: It was started by a portweave that does not understand this.
            StackUnreachableError: It does not answer.
            SupervisorError: It refused.
        """

        def ask() -> object:
            client = Client(_running(known))
            try:
                return client.call(method, *params, patience_s=_PATIENCE_S)
            finally:
                client.close()

        return await to_thread.run_sync(ask, limiter=self._limit, abandon_on_cancel=True)

    async def environment(self, known: Known, service: str) -> dict[str, object]:
        """What a service finds in its environment, without what is secret."""
        fields, texts = await self._environment(known, service)
        shown = masked(texts)
        return {
            "name": fields.get("name"),
            "workingDir": fields.get("workingDir"),
            "environment": {name: shown[name] for name in sorted(shown)},
            "hidden": sorted(name for name in shown if shown[name] != texts[name]),
            "canReveal": peer_credentials.IS_KNOWN,
        }

    async def reveal(self, known: Known, service: str, name: str) -> str | None:
        """One variable of a service as it is; None where it has none of that name.

        Raises:
            PanelForbiddenError: Another user of this machine could be the one who asks.
        """
        if not peer_credentials.IS_KNOWN:
            raise PanelForbiddenError
        return (await self._environment(known, service))[1].get(name)

    async def _environment(
        self, known: Known, service: str
    ) -> tuple[Mapping[str, object], dict[str, str]]:
        found = await self.ask(known, "/supervisor/environment", [service])
        fields = found if is_object(found) else {}
        texts = fields.get("environment")
        return fields, {n: str(v) for n, v in texts.items()} if is_object(texts) else {}

    async def why(self, known: Known, service: str) -> dict[str, object]:
        """What is wrong with a service."""
        found = rows_of(await self.ask(known, "/supervisor/why", [service]))
        row = found[0] if found else {}
        _, secrets = await self._environment(known, service)
        lines = row.get("lastLines")
        row["lastLines"] = [hide(str(line), secrets) for line in lines] if is_list(lines) else []
        return row

    async def scale(self, known: Known, service: str, count: int) -> None:
        """Have so many instances of a service.

        Raises:
            CommandFailedError: It cannot be done, in the words of the command.
        """
        await self._command(known, "scale", f"{service}={count}")

    async def up(self, known: Known) -> None:
        """Start the stack of a worktree as it was started last, and wait until it is ready.

        Raises:
            CommandFailedError: They do not become so.
        """
        words = await to_thread.run_sync(self._worktrees.start_words, known)
        await self._command(known, "up", "--detach", *words)

    async def down(self, known: Known) -> None:
        """Stop the stack of a worktree.

        Raises:
            CommandFailedError: Something of it is left.
        """
        await self._command(known, "down")

    def prune(self, key: Key) -> bool:
        """Give a worktree's ports back; whether it had any.

        Raises:
            PortweaveError: The registry cannot be changed.
            StackInUseError: Its stack is running.
        """
        for known in self._worktrees.known().values():
            record = known.record
            if record is not None and (known.root, known.namespace) == (
                key.worktree_root,
                key.namespace,
            ):
                raise StackInUseError(record.namespace, record.root, record.pid)
        removed = give_back(registry_path(self._environ), lambda other: other == key, self._environ)
        return bool(removed)

    async def _command(self, known: Known, *words: str) -> None:
        environ = inherited_environment(self._environ)
        if await to_thread.run_sync(_is_chosen, known, environ):
            environ["PORTWEAVE_NAMESPACE"] = known.namespace
        if not await to_thread.run_sync(os.path.isdir, known.root):
            raise CommandFailedError(words[0], (f"its folder {known.root} has gone",))
        folder, config = await to_thread.run_sync(
            self._worktrees.started_from, known.root, known.namespace
        )
        options = () if config is None else ("--config", config)
        # Isolated (-I): a folder of the worktree's must not take the place of our own modules.
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
            said = done.stderr.decode("utf-8", "replace").splitlines()[-_MOST_SAID:]
            raise CommandFailedError(words[0], [line.removeprefix("[portweave] ") for line in said])


def _is_chosen(known: Known, environ: Mapping[str, str]) -> bool:
    """Whether a namespace is not the one that the worktree has by itself."""
    return locate(known.root, environ).namespace != known.namespace


def _running(known: Known) -> StackRecord:
    record = known.record
    if record is None:
        raise NoStackError(f"in {known.root}")
    if record.protocol != PROTOCOL:
        raise OtherProtocolError(record.namespace, record.version)
    return record
