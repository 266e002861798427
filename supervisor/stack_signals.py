"""The signals that a supervisor receives while its stack runs.

SIGINT, SIGTERM and SIGHUP stop the stack, and a second SIGINT kills it. SIGUSR1 and SIGUSR2 go to
the services. SIGQUIT prints the states, SIGWINCH resizes terminals. SIGTSTP and SIGCONT hold and
release the view. SIGCHLD reaps processes that services left behind.
"""

import asyncio
import signal
import time
from _socket import socket as Socket  # noqa: N812
from collections.abc import Callable

from portweave.supervisor.logs.output_relay import View
from portweave.supervisor.processes.own_children import OwnChildren
from portweave.supervisor.services.engine import Engine
from portweave.supervisor.shutdown.held_streams import (
    HELD,
    send_word,
)

ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
PASSED_ON = (signal.SIGUSR1, signal.SIGUSR2)
# One press of Ctrl-C may arrive twice: from the terminal, and from a wrapper that passes it on.
ONE_PRESS_S = 0.15
# How long the terminal may take to show what is waiting, before the view is held.
HOLD_S = 0.5
HOLD_PAUSE_S = 0.005
REAP_PAUSE_S = 0.05


class StackSignals:
    """Signal handlers of a running stack.

    Args:
        engine: The stack's instances.
        view: What the terminal shows.
        print_states: Called for SIGQUIT.
        stop: Called for the first signal that ends the stack.
        kill: Called for SIGINT after that.
        guardian: The socket to the guardian; None without one.

    Attributes:
        ended_by: The signal that ended the stack; None while none has.
    """

    def __init__(
        self,
        engine: Engine,
        view: View,
        print_states: Callable[[], None],
        stop: Callable[[], None],
        kill: Callable[[], None],
        guardian: Socket | None,
    ) -> None:
        self.ended_by: int | None = None
        self._engine = engine
        self._view = view
        self._print_states = print_states
        self._stop = stop
        self._kill = kill
        self._guardian = guardian
        self._pressed_s = 0.0

    def install(self) -> None:
        """Handle signals from now on, in the running event loop."""
        # nohup(1) ignores SIGHUP, so that the command outlives its terminal.
        ending = [n for n in ENDING if n != signal.SIGHUP or signal.getsignal(n) != signal.SIG_IGN]
        others = [signal.SIGQUIT, signal.SIGWINCH]
        if self._guardian is not None:
            others += [signal.SIGTSTP, signal.SIGCONT]
        loop = asyncio.get_running_loop()
        for number in (*ending, *PASSED_ON, *others):
            loop.add_signal_handler(number, self.handle, number)
        if self._guardian is not None:
            # They were blocked until now. An inherited mask is cleared too: each service would
            # inherit it.
            signal.pthread_sigmask(signal.SIG_SETMASK, ())

    def handle(self, number: int) -> None:
        """Act on one signal."""
        if number in PASSED_ON:
            for service in self._engine.services.values():
                service.send_signal(number, f"up has passed {signal.Signals(number).name} on to it")
        elif number == signal.SIGWINCH:
            self._resize()
        elif number == signal.SIGQUIT:
            self._print_states()
        elif number == signal.SIGTSTP:
            # If the supervisor stopped, services would block as soon as their pipes are full.
            self._view.hold("the services go on in the background; fg comes back to them")
            self._report_held(time.monotonic() + HOLD_S)
        elif number == signal.SIGCONT:
            self._view.release()
            self._resize()
        else:
            self.end_by(number)

    def end_by(self, number: int) -> None:
        """Stop the stack as if this signal had come; kill it for a second SIGINT."""
        if self.ended_by is None:
            self.ended_by = number
            self._pressed_s = time.monotonic()
            self._stop()
        elif number == signal.SIGINT and time.monotonic() - self._pressed_s > ONE_PRESS_S:
            self._kill()

    def _resize(self) -> None:
        """Give the services' terminals and the live line the size of the view's terminal."""
        if self._view.live is not None:
            self._view.live.resize()
        size = self._view.size()
        if size is not None:
            for service in self._engine.services.values():
                service.resize(size)

    def _report_held(self, until_s: float) -> None:
        """Report to the guardian that the terminal gets nothing more; the guardian then stops."""
        assert self._guardian is not None
        if self._view.idle or time.monotonic() >= until_s:
            send_word(self._guardian, HELD)
        else:
            asyncio.get_running_loop().call_later(HOLD_PAUSE_S, self._report_held, until_s)


class ChildReaper:
    """Reaps children on SIGCHLD, once for all that end together.

    Args:
        own: The children of the supervisor.
    """

    def __init__(self, own: OwnChildren) -> None:
        self._own = own
        self._timer: asyncio.TimerHandle | None = None

    def install(self) -> None:
        """Handle SIGCHLD from now on, in the running event loop."""
        asyncio.get_running_loop().add_signal_handler(signal.SIGCHLD, self._reap_soon)

    def _reap_soon(self) -> None:
        # A pause, so that no restart waits for this.
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(REAP_PAUSE_S, self._reap)

    def _reap(self) -> None:
        self._timer = None
        self._own.reap()
