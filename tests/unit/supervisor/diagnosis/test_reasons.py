"""Why a service ended, from what real programs print."""

import re

import pytest

from portweave.supervisor.diagnosis import reasons
from portweave.supervisor.diagnosis.reasons import (
    End,
    diagnose,
)
from portweave.supervisor.services.restart_policy import explain

NODE_FILE = "Error: ENOENT: no such file or directory, open 'data.json'"
NODE_HEAP = "FATAL ERROR: Reached heap limit Allocation failed - JavaScript heap out of memory"
SEEN: dict[str, tuple[int, list[str], str, str]] = {
    "python: module": (
        1,
        ["ModuleNotFoundError: No module named 'flask'"],
        *("missing module", "the module flask is not installed"),
    ),
    "node: module": (
        1,
        ["Error: Cannot find module 'express'", "Require stack:", "- /code/app.js"],
        *("missing module", "the module express is not installed (app.js)"),
    ),
    "ruby: module": (
        1,
        ["cannot load such file -- sinatra (LoadError)"],
        *("missing module", "the module sinatra is not installed"),
    ),
    "python: syntax": (
        1,
        ["    def (:", "SyntaxError: invalid syntax"],
        *("syntax error", "SyntaxError: invalid syntax"),
    ),
    "node: ESM package": (
        1,
        [
            "Error [ERR_MODULE_NOT_FOUND]: Cannot find package 'express' imported from /code/a.mjs",
            "    at packageResolve (node:internal/modules/esm/resolve:854:9)",
        ],
        *("missing module", "the module express is not installed (a.mjs)"),
    ),
    "go: package": (
        1,
        ["main.go:2:8: no required module provides package github.com/x/y; to add it:"],
        *("missing module", "the module github.com/x/y is not installed (main.go:2)"),
    ),
    "perl: module": (
        2,
        ["Can't locate X/Y.pm in @INC (you may need to install the X::Y module) at a.pl line 1."],
        *("missing module", "the module X::Y is not installed (a.pl:1)"),
    ),
    "ruby: relative": (
        1,
        [
            "app.rb:1:in `require_relative': cannot load such file -- /code/lib (LoadError)",
            "\tfrom app.rb:1:in `<main>'",
        ],
        *("missing file", "there is no file /code/lib (app.rb:1)"),
    ),
    "php: required": (
        255,
        ["PHP Fatal error:  Failed opening required 'db.php' (include_path='.') in /code/a.php:1"],
        *("missing file", "there is no file db.php in /code (a.php:1)"),
    ),
    "sh: sourced": (
        2,
        ["/bin/sh: 1: .: cannot open .venv/bin/activate: No such file"],
        *("missing file", "there is no file .venv/bin/activate in /code"),
    ),
    "sh: syntax": (
        2,
        ['run.sh: 3: Syntax error: end of file unexpected (expecting "fi")'],
        *(
            "syntax error",
            'run.sh: 3: Syntax error: end of file unexpected (expecting "fi")',
        ),
    ),
    "shell: not found": (
        127,
        ["/bin/sh: 1: nosuch: not found"],
        *("missing command", "nosuch: command not found"),
    ),
    "env: not found": (
        127,
        ["/usr/bin/env: \u2018node\u2019: No such file or directory"],
        *("missing command", "node: command not found"),
    ),
    "sh: the command": (
        2,
        ['/bin/sh: 1: Syntax error: "do" unexpected'],
        *(
            "syntax error",
            'the shell does not understand the command: Syntax error: "do" unexpected',
        ),
    ),
    "sh: sourced by name": (
        2,
        ["/bin/sh: 1: .: .env: not found"],
        *("missing file", "`.` of /bin/sh looks for .env on PATH, and there is no such file"),
    ),
    "bash: not found": (
        127,
        ["bash: line 1: nosuch: command not found"],
        *("missing command", "nosuch: command not found"),
    ),
    "node: script": (
        1,
        ["Error: Cannot find module '/code/missing.js'", "    at Module._load (node:internal/x:1)"],
        *("missing file", "there is no file /code/missing.js"),
    ),
    "node: relative": (
        1,
        [
            "Error: Cannot find module './lib'",
            "Require stack:",
            "- /code/app.js",
            "    at f (/x:1:1)",
        ],
        *("missing file", "there is no file ./lib, which /code/app.js asks for (/x:1)"),
    ),
    "ruby: script": (
        1,
        ["ruby: No such file or directory -- missing.rb (LoadError)"],
        *("missing file", "there is no file missing.rb in /code"),
    ),
    "sh: script": (
        2,
        ["/bin/sh: 0: cannot open run.sh: No such file"],
        *("missing file", "there is no file run.sh in /code"),
    ),
    "npm: script": (
        1,
        ['npm error Missing script: "dev"'],
        *("missing script", "there is no script dev in package.json"),
    ),
    "python: error": (
        1,
        ['  File "/code/app.py", line 3, in f', "    f()", "ValueError: bad"],
        *("crash", "exited with status 1: ValueError: bad (app.py:3)"),
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
def test_the_output_of_real_programs_is_understood(name: str) -> None:
    status, lines, kind, text = SEEN[name]
    cause = diagnose(End(status, tuple(lines), folder="/code"))
    assert (cause.kind, cause.text) == (kind, text)
    assert cause.hint or kind == "crash"


@pytest.mark.parametrize("name", SEEN)
def test_no_message_repeats_itself(name: str) -> None:
    status, lines, *_ = SEEN[name]
    cause = diagnose(End(status, tuple(lines), folder="/code"))
    for text in (cause.text, explain(status, cause)):
        assert not re.search(r"\b([\w ]{4,}): \1\b", text, re.IGNORECASE)


# dash's message -> the syntax of bash that it means.
BASH: list[tuple[str, str, str]] = [
    ("source .venv/bin/activate && x", "/bin/sh: 1: source: not found", "`source`"),
    ("[[ -f x ]] && y", "/bin/sh: 1: [[: not found", "`[[`"),
    ("cat <(echo x)", '/bin/sh: 1: Syntax error: "(" unexpected', "`<( )`"),
    ("a=(1 2); echo", '/bin/sh: 1: Syntax error: "(" unexpected', "an array"),
    ("echo ${a[0]}", "/bin/sh: 1: Bad substitution", "an array"),
    ("echo ${a^^}", "/bin/sh: 1: Bad substitution", "this form of ${ }"),
    ("set -euo pipefail; x", "/bin/sh: 1: set: Illegal option -o pipefail", "`set -o pipefail`"),
    ("cat <<< x", "/bin/sh: 1: Syntax error: redirection unexpected", "`<<<`"),
    ("function f { x; }; f", '/bin/sh: 1: Syntax error: "}" unexpected', "`function`"),
    ("function f() { x; }; f", '/bin/sh: 1: Syntax error: "(" unexpected', "`function`"),
    ("printf -v x y", "/bin/sh: 1: printf: Illegal option -v", "an option of this builtin"),
    ("for ((;;)); do x; done", "/bin/sh: 1: Syntax error: Bad for loop variable", "`for (( ))`"),
    ("declare -A x", "/bin/sh: 1: declare: not found", "`declare`"),
    ("x |& cat", '/bin/sh: 1: Syntax error: "&" unexpected', "`|&`"),
]


@pytest.mark.parametrize(("command", "line", "name"), BASH)
def test_syntax_of_bash_is_recognised(command: str, line: str, name: str) -> None:
    cause = diagnose(End(2, (line,), command))
    assert cause.kind == "shell syntax"
    assert cause.text.startswith(f"{name} is syntax of bash")
    assert "bash -c" in cause.hint
    assert "install" not in cause.hint


def test_a_long_word_is_searched_in_linear_time() -> None:
    # A search at each of its characters would block the supervisor for minutes.
    assert diagnose(End(1, ("a" * 60_000,))).kind == "crash"


def test_a_kill_by_another_program_is_recognised() -> None:
    cause = diagnose(End(137, ("working",)))
    assert cause.kind == "killed"
    assert "not by portweave" in cause.text
    assert "memory" not in cause.text + cause.hint


def test_a_kill_by_the_kernel_is_reported_as_out_of_memory() -> None:
    assert diagnose(End(137, out_of_memory=True)).kind == "out of memory"


def test_a_kill_by_portweave_is_recognised() -> None:
    cause = diagnose(End(137, signalled="portweave kill has sent it SIGKILL", out_of_memory=True))
    assert (cause.kind, cause.text) == ("killed", "portweave kill has sent it SIGKILL")


@pytest.mark.parametrize("command", ["node x &", "node x & sleep 1", "(redis &); echo up"])
def test_a_shell_that_ends_before_its_jobs_is_recognised(command: str) -> None:
    cause = diagnose(End(0, (), command))
    assert cause.kind == "background"
    assert "restart" not in cause.hint


@pytest.mark.parametrize("command", ["a && b", "a 2>&1", "a &> log", "a & b & wait", "x '?a&b'"])
def test_a_command_without_background_jobs_has_just_ended(command: str) -> None:
    assert diagnose(End(0, (), command)).kind == "ended"


def test_the_hint_names_the_option_that_keeps_a_program_in_the_foreground() -> None:
    cause = diagnose(End(0, command="nginx -c x.conf", left_behind="left pid 7 (nginx) behind"))
    assert cause.kind == "background"
    assert "left pid 7 (nginx) behind" in cause.text
    assert "daemon off" in cause.hint


@pytest.mark.parametrize(
    ("command", "text"),
    [
        ("esbuild a.js --watch", "--watch=forever"),
        ("tsc --watch </dev/null", "closes its standard input"),
        ("yes | nodemon --watch x", "closes its standard input"),
        ("rollup -w", "standard input is closed"),
    ],
)
def test_the_cause_of_a_watcher_that_ends_names_its_input(command: str, text: str) -> None:
    cause = diagnose(End(0, command=command))
    assert cause.kind == "ended"
    assert text in cause.text + cause.hint


@pytest.mark.parametrize(
    ("name", "permanent"),
    [
        ("python: module", True),
        ("python: syntax", True),
        ("python: script", True),
        ("shell: not found", True),
        ("node: refused", False),
        ("node: file", False),
        ("a signal", False),
    ],
)
def test_a_cause_that_recurs_at_each_start_is_permanent(name: str, permanent: bool) -> None:
    status, lines, *_ = SEEN[name]
    assert diagnose(End(status, tuple(lines))).permanent is permanent


def test_no_pattern_is_left_to_compile_when_a_service_ends(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    reasons.prepare()
    monkeypatch.setattr(re, "compile", None)
    for status, lines, *_ in SEEN.values():
        diagnose(End(status, tuple(lines)))
