"""Arguments in, exit status out."""

import json
import re
from importlib import import_module
from pathlib import Path

import pytest

from portweave import __version__
from portweave.arguments.args import Option
from portweave.arguments.global_options import (
    GLOBAL_OPTIONS,
    VERBS,
)
from portweave.cli.main import (
    main,
    report,
)
from portweave.errors import SpawnError, UsageError

Capture = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def _nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """There is no definition file here."""
    monkeypatch.chdir(tmp_path)


def options_of(verb: str) -> tuple[Option, ...]:
    options: tuple[Option, ...] = import_module(f"portweave.cli.verbs.{verb}").OPTIONS
    return options


@pytest.mark.parametrize("words", ["-V", "--version", "version", "up --version", "-V up web"])
def test_the_version_option_works_before_and_after_a_verb(words: str, capsys: Capture) -> None:
    assert main(words.split()) == 0
    assert __version__ in capsys.readouterr().out


@pytest.mark.parametrize("words", ["-h", "--help", "help"])
def test_help_lists_all_commands_and_global_options(words: str, capsys: Capture) -> None:
    assert main(words.split()) == 0
    out = capsys.readouterr().out
    for verb, about in VERBS.items():
        assert re.search(rf"^  {verb} +{re.escape(about)}$", out, re.MULTILINE)
    for option in GLOBAL_OPTIONS:
        assert option.flags[-1] in out


@pytest.mark.parametrize(
    ("word", "hint"),
    [
        ("restrat", "did you mean restart?"),
        ("LOGS", "did you mean logs?"),
        ("qqq", "lists the commands"),
        ("BOGUS", "did you mean logs?"),
    ],
)
def test_help_for_an_unknown_command_is_an_error(word: str, hint: str, capsys: Capture) -> None:
    assert main(["help", word]) == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    assert f"unknown command '{word}' (PW0601)" in captured.err
    assert hint in captured.err


def test_help_is_about_one_command(capsys: Capture) -> None:
    assert main(["help", "logs", "ps"]) == 1
    assert "unexpected argument 'ps' (PW0601)" in capsys.readouterr().err
    assert main(["help", "help"]) == 0
    assert capsys.readouterr().out.startswith("Usage: portweave [options] COMMAND")


def test_without_a_verb_help_goes_to_stderr_and_it_is_an_error(capsys: Capture) -> None:
    assert main([]) == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("Usage: portweave")


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("words", ["{} --help", "-h {}", "help {}"])
def test_each_verb_has_its_own_help(words: str, verb: str, capsys: Capture) -> None:
    assert main(words.format(verb).split()) == 0
    out = capsys.readouterr().out
    assert out.startswith(f"Usage: portweave {verb}")
    for option in (*options_of(verb), *GLOBAL_OPTIONS):
        assert all(flag in out for flag in option.flags)
        # Long texts are wrapped.
        assert option.help in " ".join(out.split())


@pytest.mark.parametrize("verb", VERBS)
def test_options_of_a_verb_do_not_hide_global_ones(verb: str) -> None:
    taken = [flag for option in (*GLOBAL_OPTIONS, *options_of(verb)) for flag in option.flags]
    twice = {flag for flag in taken if taken.count(flag) > 1}
    # As everywhere else, `logs -f` follows; a definition file is named with --config there.
    assert twice == ({"-f"} if verb == "logs" else set())


@pytest.mark.parametrize(
    ("words", "message", "hint"),
    [
        ("upp", "unknown command 'upp'", "did you mean up?"),
        ("frobnicate", "unknown command 'frobnicate'", "--help"),
        ("status", "unknown command 'status'", "did you mean ps?"),
        ("--frobnicate", "unknown option '--frobnicate'", "--help"),
        ("up --timout 3", "unknown option '--timout'", "did you mean --timeout?"),
        ("--count", "argument missing", ""),
        ("up -- web", "not a command", "portweave run"),
        ("up --scale web", "--scale takes NAME=N", "--scale web=3"),
        ("up --scale web=-1", "--scale takes NAME=N", ""),
        ("show --count 0", "--count must be a positive integer", ""),
        ("show --count 2 --config x", "mutually exclusive", ""),
        ("run", "no command provided", ""),
    ],
)
def test_a_wrong_command_line_exits_with_1_and_an_explanation(
    words: str, message: str, hint: str, capsys: Capture
) -> None:
    assert main(words.split()) == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    first, *rest = captured.err.splitlines()
    assert first.startswith("[portweave] error: ")
    assert message in first
    assert first.endswith("(PW0601)")
    assert hint in "\n".join(rest)


def test_errors_are_json_with_the_json_option(capsys: Capture) -> None:
    assert main(["--json", "upp"]) == 1
    captured = capsys.readouterr()
    assert captured.err == ""
    error = json.loads(captured.out)["error"]
    assert (error["code"], error["message"]) == ("PW0601", "unknown command 'upp'")
    assert "did you mean up?" in json.dumps(error["hint"])


def test_an_error_has_its_code_hints_and_exit_status(
    capsys: Capture,
) -> None:
    assert report(UsageError("no", hint=("this", "that")), as_json=False) == 1
    assert report(SpawnError("x", "ENOENT"), as_json=False) == 127
    captured = capsys.readouterr()
    assert captured.err == (
        "[portweave] error: no (PW0601)\n[portweave] hint: this\n[portweave] hint: that\n"
        '[portweave] error: failed to spawn "x": spawn x ENOENT (PW0602)\n'
    )


@pytest.mark.parametrize(
    "words", ["ps --bogus --json", "--bogus --json ps", "nothing --json", "up --timeout --json"]
)
def test_an_error_is_json_wherever_the_option_stands(words: str, capsys: Capture) -> None:
    assert main(words.split()) == 1
    captured = capsys.readouterr()
    assert json.loads(captured.out)["error"]["code"] == "PW0601"
    assert captured.err == ""


@pytest.mark.parametrize("words", ["run --count 0 echo --json", "ps --bogus -- --json"])
def test_the_words_of_a_command_do_not_select_json(words: str, capsys: Capture) -> None:
    assert main(words.split()) == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("[portweave] error: ")


@pytest.mark.parametrize("words", ["ps", "check", "graph", "wait web", "start --json", "down"])
def test_a_deleted_working_directory_is_reported(
    words: str, tmp_path: Path, capsys: Capture
) -> None:
    tmp_path.rmdir()
    assert main(words.split()) == 1
    captured = capsys.readouterr()
    assert "there is no working directory" in captured.err + captured.out
    assert "PW0601" in captured.err + captured.out
