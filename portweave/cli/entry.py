"""The `portweave` command: holds signals back before anything else is imported."""

# Here, not by `interrupts.hold_back`: to import that would take a while, too.
signal = __import__("_signal")
signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGINT, signal.SIGTERM, signal.SIGHUP))

from portweave.system.interrupts import hold_back  # noqa: E402 - see above

hold_back()

from portweave.cli.main import main  # noqa: E402 - see above

__all__ = ["main"]
