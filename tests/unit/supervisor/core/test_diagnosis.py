"""Why a service ended, from what real programs print."""

import pytest

from portweave.supervisor.core.diagnosis import diagnose

NODE_PORT = "Error: listen EADDRINUSE: address already in use 127.0.0.1:3000"
NODE_FILE = "Error: ENOENT: no such file or directory, open 'data.json'"
NODE_HEAP = "FATAL ERROR: Reached heap limit Allocation failed - JavaScript heap out of memory"
SEEN: dict[str, tuple[int, list[str], str, str]] = {
    "node: port": (1, [NODE_PORT], "port in use", "the port 3000 is in use"),
    "python: port": (
        1,
        ["OSError: [Errno 98] Address already in use"],
        *("port in use", "the port 4000 is in use"),
    ),
    "vite: port": (
        1,
        ["Error: Port 5173 is already in use"],
        "port in use",
        "the port 5173 is in use",
    ),
    "go: port": (
        1,
        ["listen tcp :8080: bind: address already in use"],
        *("port in use", "the port 4000 is in use"),
    ),
    "python: module": (
        1,
        ["ModuleNotFoundError: No module named 'flask'"],
        *("missing module", "the module flask is not installed"),
    ),
    "node: module": (
        1,
        ["Error: Cannot find module 'express'", "Require stack:", "- /code/app.js"],
        *("missing module", "the module express is not installed"),
    ),
    "ruby: module": (
        1,
        ["cannot load such file -- sinatra (LoadError)"],
        *("missing module", "the module sinatra is not installed"),
    ),
    "python: syntax": (
        1,
        ["    def (:", "SyntaxError: invalid syntax"],
        *("syntax error", "syntax error: SyntaxError: invalid syntax"),
    ),
    "shell: not found": (
        127,
        ["/bin/sh: 1: nosuch: not found"],
        *("missing command", "nosuch: command not found"),
    ),
    "bash: not found": (
        127,
        ["bash: line 1: nosuch: command not found"],
        *("missing command", "nosuch: command not found"),
    ),
    "shell: not executable": (
        126,
        ["/bin/sh: 1: ./run: Permission denied"],
        *("permission", "./run: not executable"),
    ),
    "node: heap": (134, [NODE_HEAP], "out of memory", "out of memory"),
    "python: memory": (1, ["MemoryError"], "out of memory", "out of memory"),
    "python: variable": (
        1,
        ["KeyError: 'DATABASE_URL'"],
        *("missing variable", "the variable DATABASE_URL is not set"),
    ),
    "node: refused": (
        1,
        ["Error: connect ECONNREFUSED 127.0.0.1:5432"],
        *("connection refused", "nothing answers at 127.0.0.1:5432"),
    ),
    "node: file": (1, [NODE_FILE], "missing file", "there is no file data.json"),
    "python: script": (
        2,
        ["python3: can't open file '/code/app.py': [Errno 2] No such file or directory"],
        *("missing file", "there is no file /code/app.py"),
    ),
    "a signal": (139, ["working"], "crash", "ended by signal 11 (SIGSEGV)"),
    "nothing said": (3, [], "crash", "exited with status 3"),
}


@pytest.mark.parametrize("name", SEEN)
def test_what_programs_print_is_understood(name: str) -> None:
    status, lines, kind, text = SEEN[name]
    cause = diagnose(status, lines, 4000)
    assert (cause.kind, cause.text) == (kind, text)
    assert cause.hint or kind == "crash"


def test_a_kill_that_is_not_ours_is_told_as_one() -> None:
    cause = diagnose(137, ["working"])
    assert cause.kind == "killed"
    assert "memory" in cause.text


@pytest.mark.parametrize(
    ("name", "hopeless"),
    [
        ("node: port", True),
        ("python: module", True),
        ("python: syntax", True),
        ("shell: not found", True),
        ("node: refused", False),
        ("node: file", False),
        ("a signal", False),
    ],
)
def test_what_comes_again_at_each_start_is_hopeless(name: str, hopeless: bool) -> None:
    status, lines, *_ = SEEN[name]
    assert diagnose(status, lines, 4000).hopeless is hopeless
