"""Run portweave's own commands in a worktree, and take what they print."""

import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from types import FrameType
from typing import Protocol

import anyio
from anyio import to_thread

from portweave.encoding.value import value
from portweave.errors import CommandFailedError, PortweaveError
from portweave.panel.actions import Actions
from portweave.panel.worktrees import Worktrees
from portweave.supervisor.logs.line_splitter import plain_text
from portweave.system.clean_environment import inherited_environment
from portweave.top.command_answer import Failure, failure_of
from portweave.top.stack_rows import Stack

# Verbs that read the definition files need the folder and file of the last start.
_PLANNING = frozenset({"open"})
# What these print is shown as it is.
_SHOWN = frozenset({"why"})

# The exit status of a command that Ctrl-C has ended, as shells give it.
_INTERRUPTED = 130


@value
class Answer:
    """What a command printed.

    Attributes:
        printed: Its stdout.
        failure: Why it failed; None where it succeeded.
    """

    printed: str = ""
    failure: Failure | None = None


class Commands(Protocol):
    """Commands that `top` runs."""

    async def run(self, stack: Stack, words: tuple[str, ...], *, width: int = 80) -> Answer:
        """Run a command in a worktree.

        Args:
            stack: The stack of the worktree.
            words: The verb and its arguments.
            width: The width of what it prints, in cells.
        """
        ...

    async def attach(self, stack: Stack, instance: str) -> None:
        """Attach the terminal to a service until the user leaves it.

        Args:
            stack: The stack.
            instance: Such as `web.2`.
        """
        ...


class VerbCommands:
    """Runs each command as a process of its own.

    Args:
        environ: The variables of the user.
        worktrees: The worktrees of this machine.
        has_colour: Whether the commands print colours.
    """

    def __init__(
        self, environ: Mapping[str, str], worktrees: Worktrees, *, has_colour: bool
    ) -> None:
        self._environ = environ
        self._worktrees = worktrees
        self._has_colour = has_colour
        self._attached: anyio.abc.Process | None = None

    async def run(self, stack: Stack, words: tuple[str, ...], *, width: int = 80) -> Answer:
        """Run a command in a worktree.

        Args:
            stack: The stack of the worktree.
            words: The verb and its arguments.
            width: The width of what it prints, in cells.
        """
        try:
            if words == ("up",):
                return await self._up(stack)
            argv, folder = await to_thread.run_sync(self._command, stack, words)
            done = await anyio.run_process(
                argv,
                cwd=folder,
                env=self._variables(stack, words[0], width),
                stdin=subprocess.DEVNULL,
                check=False,
                start_new_session=True,
            )
        except PortweaveError as error:
            return Answer(failure=Failure(error.message, error.code, tuple(error.hints)))
        except OSError as error:
            return Answer(failure=Failure(f"{words[0]}: {error.strerror}"))
        printed = done.stdout.decode("utf-8", "replace")
        if done.returncode == 0:
            return Answer(printed)
        said = [plain_text(line) for line in done.stderr.splitlines()]
        return Answer(printed, failure_of(said, done.returncode))

    async def attach(self, stack: Stack, instance: str) -> None:
        """Attach the terminal to a service until the user leaves it.

        Args:
            stack: The stack.
            instance: Such as `web.2`.
        """
        argv, folder = await to_thread.run_sync(self._command, stack, ("attach", instance))
        # Ctrl-C is for the command alone. It does not inherit this handler.
        before = signal.signal(signal.SIGINT, _do_nothing)
        try:
            self._attached = await anyio.open_process(
                argv,
                cwd=folder,
                env=self._variables(stack, "attach"),
                stdin=None,
                stdout=None,
                stderr=None,
            )
            if await self._attached.wait() not in (0, _INTERRUPTED):
                # The message of the command would be gone at once.
                await to_thread.run_sync(_await_enter)
        finally:
            self._attached = None
            signal.signal(signal.SIGINT, before)

    def end_attached(self) -> None:
        """End the command that has the terminal, because a signal ends this program."""
        if self._attached is not None:
            self._attached.terminate()

    async def _up(self, stack: Stack) -> Answer:
        known = (await to_thread.run_sync(self._worktrees.known)).get(stack.id)
        if known is None:
            return Answer(failure=Failure(f"{stack.root} has no ports any more"))
        try:
            await Actions(self._environ, self._worktrees).up(known)
        except CommandFailedError as error:
            lines = [f"error: {error.message.removeprefix('up failed: ')}"]
            failure = failure_of(lines, error.exit_status)
            return Answer(failure=Failure(failure.text, failure.code, tuple(error.hints)))
        except TimeoutError:
            return Answer(failure=Failure(f"{stack.name} is not ready after ten minutes"))
        return Answer()

    def _command(self, stack: Stack, words: tuple[str, ...]) -> tuple[list[str], str]:
        """Return a command line, and the folder to run it in."""
        # -I isolates: a folder in the worktree must not replace our own modules.
        argv = [sys.executable, "-Im", "portweave"]
        if not os.path.isdir(stack.root):
            return [*argv, words[0], "--stack", stack.name, *words[1:]], "/"
        folder = stack.root
        if words[0] in _PLANNING:
            folder, config = self._worktrees.started_from(stack.root, stack.namespace)
            argv += [] if config is None else ["--config", config]
        return [*argv, *words], folder

    def _variables(self, stack: Stack, verb: str, width: int = 80) -> dict[str, str]:
        environ = inherited_environment(self._environ)
        environ["PORTWEAVE_NAMESPACE"] = stack.namespace
        if verb == "attach":
            return environ
        environ["COLUMNS"] = str(width)
        # The output of most verbs is read, not shown.
        environ.pop("FORCE_COLOR", None)
        if verb in _SHOWN and self._has_colour:
            environ["FORCE_COLOR"] = "1"
        return environ


def _await_enter() -> None:
    os.write(2, b"[portweave] press Enter to go back to top")
    with suppress(OSError):
        os.read(0, 1024)


def _do_nothing(number: int, frame: FrameType | None) -> None:
    """Leave the signal to the command that has the terminal."""
