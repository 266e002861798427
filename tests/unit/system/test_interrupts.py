"""Signals at the start of a command, in processes of their own."""

import signal
import subprocess
import sys
from collections.abc import Sequence

import pytest

ENDING = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]


def run(lines: str, ignored: Sequence[signal.Signals] = ()) -> tuple[int, list[str], str]:
    """Run a program after `portweave.cli.entry`; return status, output and errors."""

    program = f"import os, signal; import portweave.cli.entry; {lines}"
    if ignored:
        start = "".join(f"signal.signal({int(number)}, signal.SIG_IGN);" for number in ignored)
        argv = [
            sys.executable,
            "-Ic",
            f"import os, signal, sys; {start} os.execv(sys.argv[1], sys.argv[1:])",
        ]
    else:
        argv = []
    argv += [sys.executable, "-Ic", program]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=20, check=False)
    return done.returncode, done.stdout.split(), done.stderr


SEND = "os.kill(os.getpid(), {}); print('held', flush=True); "
LET_IN = "from portweave.system.interrupts import let_in; let_in(orderly={}); print('goes on')"


@pytest.mark.parametrize("number", ENDING)
def test_a_signal_is_held_back_and_ends_the_command_in_silence(number: int) -> None:
    assert run(SEND.format(number) + LET_IN.format(True)) == (128 + number, ["held"], "")


@pytest.mark.parametrize("number", ENDING)
@pytest.mark.parametrize("orderly", [True, False])
def test_only_who_runs_a_stack_hears_of_sigint_that_was_ignored_at_the_start(
    number: int, orderly: bool
) -> None:
    status, printed, said = run(SEND.format(number) + LET_IN.format(orderly), ENDING)
    hears = orderly and number != signal.SIGHUP
    assert (status, said) == (128 + number if hears else 0, "")
    assert (printed == ["held"]) is hears


def test_what_is_to_be_undone_is_undone_before_the_end() -> None:
    undo = (
        "from portweave.system.interrupts import at_end; at_end(lambda: os.write(1, b'undone')); "
    )
    sent = SEND.format(int(signal.SIGINT))
    assert run(undo + sent + LET_IN.format(False)) == (130, ["held", "undone"], "")


def test_an_error_while_something_is_undone_does_not_keep_the_command() -> None:
    undo = "from portweave.system.interrupts import at_end; at_end(lambda: 1 / 0); "
    sent = SEND.format(int(signal.SIGINT))
    assert run(undo + sent + LET_IN.format(False)) == (130, ["held"], "")


RAISED = """
from portweave.system.interrupts import Raised, let_in
let_in()
try:
    with Raised():
        os.kill(os.getpid(), signal.SIGINT)
except KeyboardInterrupt:
    print("caught", flush=True)
os.kill(os.getpid(), signal.SIGINT)
"""


def test_within_raised_it_is_an_exception_and_behind_it_an_end_in_silence() -> None:
    assert run(RAISED) == (130, ["caught"], "")
