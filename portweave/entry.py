"""The `portweave` command: holds signals back before anything else is imported."""

import _signal

# Here, not by `interrupts.hold_back`: to import that would take a while, too.
_signal.pthread_sigmask(_signal.SIG_BLOCK, (_signal.SIGINT, _signal.SIGTERM, _signal.SIGHUP))

from portweave.interrupts import hold_back  # noqa: E402 - see above

hold_back()

from portweave.cli import main  # noqa: E402 - see above

__all__ = ["main"]
