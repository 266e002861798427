"""Asking whether to go on."""

import sys

from portweave.system.interrupts import Raised


def agrees() -> bool:
    """Ask on the terminal; anything but a yes is a no.

    Raises:
        KeyboardInterrupt: Ctrl-C is the answer.
    """
    print("[portweave] go on? [y/N] ", end="", file=sys.stderr, flush=True)  # noqa: T201
    with Raised():
        try:
            answer = sys.stdin.readline()
        except KeyboardInterrupt:
            # The shell's prompt is to stand on a line of its own.
            print(file=sys.stderr)  # noqa: T201
            raise
    return answer.strip().lower() in {"y", "yes"}
