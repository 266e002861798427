"""Ask the user for confirmation."""

import sys

from portweave.system.interrupts import Raised


def agrees() -> bool:
    """Ask on the terminal; any answer but yes counts as no.

    Raises:
        KeyboardInterrupt: The user presses Ctrl-C.
    """
    print("[portweave] go on? [y/N] ", end="", file=sys.stderr, flush=True)  # noqa: T201
    with Raised():
        try:
            answer = sys.stdin.readline()
        except KeyboardInterrupt:
            # The shell's prompt shall start on a new line.
            print(file=sys.stderr)  # noqa: T201
            raise
    return answer.strip().lower() in {"y", "yes"}
