import pytest

from portweave.supervisor.diagnosis.shell_cause import shell_cause


@pytest.mark.parametrize(
    ("status", "line", "command", "kind", "names"),
    [
        (127, "sh: 1: foo: not found", "foo", "missing command", "foo"),
        (127, "bash: line 1: foo: command not found", "foo", "missing command", "foo"),
        (126, "sh: 1: ./run: Permission denied", "./run", "permission", "./run"),
        (127, "env: \u2018nodejs\u2019: No such file or directory", "x", "missing command", "node"),
        (127, "sh: 1: source: not found", "source .venv", "shell syntax", "`source`"),
        (2, "sh: 1: Syntax error: redirection unexpected", "a <<<b", "shell syntax", "`<<<`"),
        (2, 'sh: 1: Syntax error: "fi" unexpected', "fi", "syntax error", '"fi"'),
        (2, "sh: 1: .: env.sh: not found", ". env.sh", "missing file", "env.sh"),
    ],
)
def test_the_cause_is_found(status: int, line: str, command: str, kind: str, names: str) -> None:
    cause = shell_cause(status, ["before", line], command)
    assert cause is not None
    assert (cause.kind, cause.permanent, cause.lines) == (kind, True, (line,))
    assert names in cause.text


def test_a_command_that_ran_has_no_shell_cause() -> None:
    assert shell_cause(1, ["sh: 1: foo: not found"], "foo || exit 1") is None
    assert shell_cause(0, [], "true") is None
