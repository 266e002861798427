"""The `portweave` command. It blocks signals before it imports anything else."""

# Not by `interrupts.hold_back`: a signal may come while that is imported.
signal = __import__("_signal")
signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGINT, signal.SIGTERM, signal.SIGHUP))

from portweave.system.interrupts import hold_back  # noqa: E402 - see above

hold_back()

from portweave.cli.main import main  # noqa: E402 - see above

__all__ = ["main"]
