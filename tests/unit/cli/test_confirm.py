"""The question whether to continue."""

import io
import sys
from unittest.mock import Mock

import pytest

from portweave.cli.confirm import agrees


@pytest.mark.parametrize(
    ("answer", "is_yes"), [("y\n", True), (" YES \n", True), ("", False), ("no\n", False)]
)
def test_any_answer_but_yes_counts_as_no(
    answer: str, is_yes: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO(answer))
    assert agrees() is is_yes


def test_ctrl_c_ends_the_line_of_the_question(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "stdin", Mock(readline=Mock(side_effect=KeyboardInterrupt)))
    with pytest.raises(KeyboardInterrupt):
        agrees()
    assert capsys.readouterr().err == "[portweave] go on? [y/N] \n"
