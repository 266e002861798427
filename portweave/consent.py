"""Asking whether to go on."""

import sys


def agrees() -> bool:
    """Ask on the terminal; anything but a yes is a no."""
    print("[portweave] go on? [y/N] ", end="", file=sys.stderr, flush=True)  # noqa: T201
    return sys.stdin.readline().strip().lower() in {"y", "yes"}
