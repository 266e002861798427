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

from portweave.allocator.worktree import locate
from portweave.encoding.value import value
from portweave.errors import PortweaveError
from portweave.panel.worktrees import Worktrees
from portweave.supervisor.logs.line_splitter import plain_text
from portweave.system.clean_environment import inherited_environment
from portweave.top.command_answer import Failure, failure_of
from portweave.top.stack_rows import Stack

# Verbs that read the definition files need the folder and file of the last start.
_PLANNING = frozenset({"open", "up"})
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


@value
class _Call:
    """How to run a command.

    Attributes:
        argv: The program and its arguments.
        folder: Where it runs.
        environ: Its variables.
    """

    argv: list[str]
    folder: str
    environ: dict[str, str]


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

    async def attach(self, stack: Stack, instance: str) -> Answer:
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
            call = await to_thread.run_sync(self._call, stack, words, width)
            done = await anyio.run_process(
                call.argv,
                cwd=call.folder,
                env=call.environ,
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

    async def attach(self, stack: Stack, instance: str) -> Answer:
        """Attach the terminal to a service until the user leaves it.

        Args:
            stack: The stack.
            instance: Such as `web.2`.
        """
        try:
            call = await to_thread.run_sync(self._call, stack, ("attach", instance), 0)
        except PortweaveError as error:
            return Answer(failure=Failure(error.message, error.code, tuple(error.hints)))
        # Ctrl-C is for the command alone. It does not inherit this handler.
        before = signal.signal(signal.SIGINT, _do_nothing)
        try:
            self._attached = await anyio.open_process(
                call.argv, cwd=call.folder, env=call.environ, stdin=None, stdout=None, stderr=None
            )
            if await self._attached.wait() not in (0, _INTERRUPTED):
                # The message of the command would be gone at once.
                await to_thread.run_sync(_await_enter)
        except OSError as error:
            return Answer(failure=Failure(f"attach: {error.strerror}"))
        finally:
            self._attached = None
            signal.signal(signal.SIGINT, before)
        return Answer()

    def end_attached(self) -> None:
        """End the command that has the terminal, because a signal ends this program."""
        if self._attached is not None:
            self._attached.terminate()

    def _call(self, stack: Stack, words: tuple[str, ...], width: int) -> _Call:
        """Return how to run a command; it reads files."""
        environ = inherited_environment(self._environ)
        # The output of most verbs is read, not shown.
        if words[0] != "attach":
            environ["COLUMNS"] = str(width)
            environ.pop("FORCE_COLOR", None)
        if words[0] in _SHOWN and self._has_colour:
            environ["FORCE_COLOR"] = "1"
        # -I isolates: a folder in the worktree must not replace our own modules.
        argv = [sys.executable, "-Im", "portweave"]
        if not os.path.isdir(stack.root):
            named = ("--stack", stack.name) if stack.is_running else ()
            return _Call([*argv, words[0], *named, *words[1:]], "/", environ)
        if locate(stack.root, environ).namespace != stack.namespace:
            environ["PORTWEAVE_NAMESPACE"] = stack.namespace
        folder = stack.root
        if words[0] in _PLANNING:
            folder, config = self._worktrees.started_from(stack.root, stack.namespace)
            argv += [] if config is None else ["--config", config]
        if words == ("up",):
            words = ("up", "--detach", *self._start_words(stack))
        return _Call([*argv, *words], folder, environ)

    def _start_words(self, stack: Stack) -> list[str]:
        """Return the options of the last start."""
        known = self._worktrees.known().get(stack.id)
        return [] if known is None else self._worktrees.start_words(known)


def _await_enter() -> None:
    os.write(2, b"[portweave] press Enter to go back to top")
    with suppress(OSError):
        os.read(0, 1024)


def _do_nothing(number: int, frame: FrameType | None) -> None:
    """Leave the signal to the command that has the terminal."""
