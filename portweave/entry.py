"""The `portweave` command: holds signals back before anything else is imported."""

from portweave.interrupts import hold_back

hold_back()

from portweave.cli import main  # noqa: E402 - behind it, signals cannot end an import

__all__ = ["main"]
