"""Captured errors of runtimes and compilers, with message, place and excerpt."""

from pathlib import Path

import pytest

from portweave.supervisor.diagnosis.printed_error import (
    EXCERPT_LINES,
    find_error,
)


def outputs() -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    text = Path(__file__).with_name("printed_errors.txt").read_text()
    for part in text.removeprefix("== ").split("\n== "):
        name, *lines = part.rstrip().split("\n")
        found.setdefault(name, lines)
    return found


OUTPUTS = outputs()
# Name of the output -> the message, the place, a line that the excerpt begins with.
TOLD: dict[str, tuple[str, str, str]] = {
    "go: boom": ("panic: assignment to entry in nil map", "boom.go:3", "panic: "),
    "go: bad": ("x declared but not used", "bad.go:4", "./bad.go:4:2: x"),
    "go: port": ("listen tcp :28996: bind: address already in use", "", "2026/11/30"),
    "go: mod": ("cannot find module providing package github.com/x/nope", "mod.go:2", "mod.go"),
    "go: gor": ("panic: in goroutine", "gor.go:2", "panic: "),
    "java: Boom": ("IllegalStateException: no db", "Boom.java:2", 'Exception in thread "main"'),
    "java: compiled": ("IllegalStateException: no db", "Boom.java:2", "Exception in thread"),
    "java: maven": ("cannot find symbol", "src/main/java/App.java:5", "[ERROR] /code/app/src"),
    "kotlin: gradle": ("Unresolved reference: foo", "src/main/kotlin/App.kt:5", "e: file:///code"),
    "vite: resolve": (
        'Failed to resolve import "./nope" from "src/main.ts". Does the file exist?',
        *("src/main.ts:1", "5:10:11 PM [vite]"),
    ),
    "next: parse": (
        "Parsing ecmascript source code failed",
        "app/page.tsx:5",
        " \u2a2f ./app/page.tsx",
    ),
    "next: render": (
        "Error: DATABASE_URL missing",
        "app/page.tsx:3",
        " \u2a2f Error: DATABASE_URL",
    ),
    "java: Plain": ("Plain$ConfigException: no DB_URL", "Plain.java:1", "Exception in thread"),
    "java: Bad": ("';' expected", "Bad.java:3", "Bad.java:3: error"),
    "java: Port": ("BindException: Address already in use", "Port.java:2", "Exception in"),
    "node: boom.js": ("Error: boom", "boom.js:2", "/code/app/boom.js:2"),
    "node: syn.js": ("SyntaxError: Unexpected token ';'", "syn.js:1", "/code/app/syn.js:1"),
    "node: cjs.js": ("Error: Cannot find module 'express-nope'", "cjs.js:1", "Error: Cannot"),
    "node: esm.mjs": (
        (
            "Error [ERR_MODULE_NOT_FOUND]: Cannot find package 'express-nope' imported from"
            " /code/app/esm.mjs"
        ),
        *("esm.mjs", "Error [ERR_MODULE_NOT_FOUND]"),
    ),
    "node: rej.js": ("TypeError: async boom", "rej.js:1", "/code/app/rej.js:1"),
    "node: rejs.js": ('UnhandledPromiseRejection: "a text".', "", "UnhandledPromiseRejection"),
    "node: port.js": (
        "Error: listen EADDRINUSE: address already in use :::28998",
        *("port.js:1", "Error: listen"),
    ),
    "node: namedimp.mjs": (
        "SyntaxError: The requested module './named.mjs' does not provide an export named 'x'",
        *("namedimp.mjs:1", "file:///code/app/namedimp.mjs:1"),
    ),
    "node: cause.js": ("A [Error]: bad config", "cause.js:1", "/code/app/cause.js:1"),
    "node: text.js": ("just a text", "text.js:1", "/code/app/text.js:1"),
    "node: object.js": ("{ code: 5 }", "object.js:1", "/code/app/object.js:1"),
    "node: eval": ("Error: Cannot find module 'express'", "", "Error: Cannot"),
    "node: exit.js": ("Error: SECRET is required", "", "Error: SECRET"),
    "php: boom": ("Exception: boom", "boom.php:2", "PHP Fatal error"),
    "php: syn": ('syntax error, unexpected token ";"', "syn.php:2", "PHP Parse error"),
    "php: missing": ("Could not open input file: missing.php", "", "Could not"),
    "py: boom": (
        (
            "JSONDecodeError: Expecting property name enclosed in double quotes: line 1 column 2"
            " (char 1)"
        ),
        *("boom.py:3", "Traceback"),
    ),
    "py: chain": ("RuntimeError: no config", "chain.py:5", "Traceback"),
    "py: syn": ("SyntaxError: invalid syntax", "syn.py:2", '  File "/code/app/syn.py", line 2'),
    "py: impsyn": ("SyntaxError: invalid syntax", "syn.py:2", "Traceback"),
    "py: custom": ("Missing: SECRET", "custom.py:2", "Traceback"),
    "py: group": ("ValueError: in task", "group.py:2", "  + Exception Group"),
    "py: env": ("KeyError: 'DATABASE_URL'", "env.py:2", "Traceback"),
    "py: uvicorn app_asgi": (
        "ModuleNotFoundError: No module named 'nope_mod'",
        *("app_asgi.py:1", "Traceback"),
    ),
    "py: uvicorn missing": (
        'ERROR: Error loading ASGI app. Could not import module "nope".',
        *("", "ERROR:"),
    ),
    "ruby: boom": ("RuntimeError: boom", "boom.rb:2", "boom.rb:2:in"),
    "ruby: syn": (
        "syntax error, unexpected integer literal, expecting ')'",
        *("syn.rb:2", "syn.rb:2"),
    ),
    "ruby: mod": ("LoadError: cannot load such file -- sinatra_nope", "mod.rb:1", "<internal:"),
    "ruby: cause": ("ArgumentError: b", "cause.rb:4", "cause.rb:4"),
    "rust: port": (
        (
            "panicked: called `Result::unwrap()` on an `Err` value: Os { code: 98, kind: AddrInUse,"
            ' message: "Address already in use" }'
        ),
        *("port.rs:4", "thread 'main'"),
    ),
    "rust: rustc": ("mismatched types", "bad.rs:2", "error[E0308]"),
    "rust: cargo": ("mismatched types", "src/main.rs:2", "error[E0308]"),
    "ts: tsc bad": (
        "TS2322: Type 'string' is not assignable to type 'number'.",
        *("bad.ts:1", "bad.ts(1,7)"),
    ),
    "ts: tsc --pretty": (
        "TS2322: Type 'string' is not assignable to type 'number'.",
        *("bad.ts:1", "bad.ts:1:7"),
    ),
    "ts: tsx syn": ('Unexpected ";"', "syn.ts:1", "Error: Transform failed"),
    "ts: tsx boom": ("Error: ts boom", "boom.ts:1", "/code/app/boom.ts:1"),
    "ts: tsx mod": ("Error: Cannot find module 'express-nope'", "mod.ts", "Error: Cannot"),
    "ts: esbuild": ('Could not resolve "express-nope"', "mod.ts:1", "✘ [ERROR]"),
}


@pytest.mark.parametrize("name", TOLD)
def test_an_error_has_a_message_a_place_and_an_excerpt(name: str) -> None:
    message, place, first = TOLD[name]
    # Earlier output is no part of it.
    error = find_error(["listening", "GET / 200", *OUTPUTS[name]], "/code/app")
    assert error is not None
    assert (error.message, error.place) == (message, place)
    assert error.excerpt[0].startswith(first)
    assert len(error.excerpt) <= EXCERPT_LINES
    assert error.is_last
    shown = "\n".join(error.excerpt)
    if place.count(":"):
        assert place.partition(":")[0] in shown
    for frame in ("node:internal", "site-packages", "/opt/python", "<frozen", "/rustc/", "jdk."):
        assert frame not in shown


def test_an_old_error_does_not_count_as_the_last_output() -> None:
    error = find_error([*OUTPUTS["py: boom"], *(f"GET /{n} 200" for n in "abcd")])
    assert error is not None
    assert not error.is_last


def test_a_later_error_far_behind_the_first_counts_more() -> None:
    lines = [*OUTPUTS["py: boom"], *(f"GET /{n} 200" for n in range(40)), "fatal: no disk"]
    error = find_error(lines)
    assert error is not None
    assert error.message == "fatal: no disk"


@pytest.mark.parametrize("lines", [[], ["working"], ["Found 0 errors."], ["no errors, 0 failed"]])
def test_output_without_an_error_gives_none(lines: list[str]) -> None:
    assert find_error(lines) is None


@pytest.mark.parametrize("name", OUTPUTS)
def test_any_piece_of_an_output_can_be_read(name: str) -> None:
    lines = OUTPUTS[name]
    for first in range(len(lines)):
        find_error(lines[first:])
        find_error(lines[:first])


@pytest.mark.parametrize(
    "prefix",
    [
        *("[0] ", "[api] ", "web:dev: ", "@x/web:dev: ", "apps/web dev: ", "api-1  | "),
        *("0|app  | ", "12:00:01 ", "12:00:01 web.1  | ", "2026-01-01T10:00:00.000Z "),
    ],
)
@pytest.mark.parametrize("name", ["node: boom.js", "py: boom", "go: boom"])
def test_prefixes_of_programs_that_run_others_are_removed(prefix: str, name: str) -> None:
    lines = [f"{prefix}{line}".rstrip() for line in OUTPUTS[name]]
    # Another program prints between the lines.
    between = [text for line in lines for text in (line, "[other] working")]
    for printed in (lines, lines if prefix[:2].isdigit() else between):
        error = find_error(printed, "/code/app")
        assert error is not None
        assert (error.message, error.place) == TOLD[name][:2]
        assert error.is_last


def test_a_long_word_is_searched_in_linear_time() -> None:
    # A search at each of its characters would block the supervisor for a minute.
    error = find_error([f"{'a' * 60_000} Error: x"])
    assert error is not None
    assert error.place == ""
