"""The newest output of a run, and the error in it."""

import pytest

from portweave.supervisor.diagnosis.recent_output import (
    RecentOutput,
    error_in,
)

PYTHON = b"""Traceback (most recent call last):
  File "/w/app.py", line 3, in <module>
    import missing
ModuleNotFoundError: No module named 'missing'
"""
NODE = b"""/w/app.js:1
broken(
SyntaxError: Unexpected end of input
    at wrapSafe (node:internal/modules/cjs/loader:1486:18)

Node.js v22.11.0
Failed running 'app.js'
"""


@pytest.mark.parametrize(
    ("lines", "error"),
    [
        (PYTHON, "ModuleNotFoundError: No module named 'missing' (app.py:3)"),
        (NODE, "SyntaxError: Unexpected end of input (app.js:1)"),
        (b"\x1b[31merror\x1b[0m: cannot compile\n", "error: cannot compile"),
        (b"[nodemon] app crashed\nbuild failed\n", "build failed"),
        (b"GET /errors 200\nlistening on 3000\n", ""),
        (b"", ""),
    ],
    ids=["python", "node", "colours", "unnamed", "none", "nothing"],
)
def test_the_line_that_names_the_error_is_found(lines: bytes, error: str) -> None:
    assert error_in(lines, "/w") == error


def test_an_error_is_reported_until_later_output_follows() -> None:
    printed = RecentOutput("/w")
    printed.feed(b"KeyError: 'x'\n", 10.0)
    printed.feed(b"waiting for changes\n", 11.0)
    assert printed.error() == "KeyError: 'x'"
    printed.feed(b"GET / 200\n", 14.0)
    assert printed.error() == ""


def test_only_the_end_of_much_output_is_kept() -> None:
    printed = RecentOutput("/w")
    printed.feed(b"KeyError: 'x'\n" + b"line\n" * 100_000, 10.0)
    assert printed.error() == ""
