import pytest

from portweave.top.command_answer import Failure, environment_lines, failure_of


@pytest.mark.parametrize(
    ("said", "failure"),
    [
        (
            (
                "[portweave] warning: x\n[portweave] error: no such thing (PW0501)\n"
                "[portweave] hint: do this\n[portweave] hint: or that"
            ),
            Failure("no such thing", "PW0501", ("do this", "or that")),
        ),
        (
            "[portweave] error: not ready: web\n  web | boom (PW1007)\n[portweave] hint: look",
            Failure("not ready: web\n  web | boom", "PW1007", ("look",)),
        ),
        ("error: it hangs (PW1002)", Failure("it hangs", "PW1002")),
        ("[portweave] error: without a code", Failure("without a code")),
        ("Traceback\nboom", Failure("Traceback\nboom")),
        ("", Failure("it ended with status 3 and said nothing")),
    ],
)
def test_the_failure_of_a_command_is_read_from_stderr(said: str, failure: Failure) -> None:
    assert failure_of(said.splitlines(), 3) == failure


def test_secrets_of_an_environment_are_masked() -> None:
    lines = environment_lines('{"environment": {"PORT": "1", "API_KEY": "abcdefgh", "A": ""}}')
    assert lines is not None
    assert lines[0] == "A="
    assert lines[2] == "PORT=1"
    assert "abcdefgh" not in "".join(lines)


@pytest.mark.parametrize("answer", ["", "no JSON", "[]", "{}", '{"environment": 3}'])
def test_another_answer_is_no_environment(answer: str) -> None:
    assert environment_lines(answer) is None
