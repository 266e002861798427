"""Portweave's own output to a terminal."""

import io
import json
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portweave.encoding.terminal_escapes import (
    EscapedStream,
    escaped,
    write_data,
)
from portweave.encoding.text_style import coloured_message

# Sets the title of a terminal, its clipboard, or moves its cursor.
NASTY = "a\x1b]0;X\x07b\x1b]52;c;cHduZWQ=\x07\x9b2J\r\x7f\u202e"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        pytest.param("web\tready\n", "web\tready\n", id="plain"),
        pytest.param("grün ✓", "grün ✓", id="letters and signs"),
        pytest.param("\x1b[31m", "\\x1b[31m", id="escape"),
        pytest.param("a\rb", "a\\x0db", id="carriage return"),
        pytest.param("\x9b2J", "\\u009b2J", id="one byte for CSI"),
        pytest.param("a\u202eb", "a\\u202eb", id="text that runs backwards"),
        pytest.param("\udcff", "\udcff", id="bytes that are no text"),
    ],
)
def test_control_characters_are_shown(text: str, shown: str) -> None:
    assert escaped(text) == shown


@given(st.text())
def test_no_control_character_is_left_and_json_keeps_its_meaning(text: str) -> None:
    shown = escaped(json.dumps({text: text}, ensure_ascii=False))
    assert not any(ord(c) < 0x20 or 0x7F <= ord(c) < 0xA0 for c in shown)
    assert json.loads(shown) == {text: text}


def test_a_stream_escapes_whatever_way_it_is_written_to(monkeypatch: pytest.MonkeyPatch) -> None:
    behind = io.StringIO()
    monkeypatch.setattr(sys, "stdout", EscapedStream(behind))
    print(NASTY)  # noqa: T201
    sys.stdout.writelines([NASTY, "\n"])
    assert behind.getvalue() == 2 * (escaped(NASTY) + "\n")


def test_data_for_a_program_is_unchanged(monkeypatch: pytest.MonkeyPatch) -> None:
    behind = io.StringIO()
    monkeypatch.setattr(sys, "stdout", EscapedStream(behind))
    write_data(NASTY)
    assert behind.getvalue() == NASTY
    monkeypatch.setattr(behind, "isatty", lambda: True)
    write_data(NASTY)
    assert behind.getvalue() == NASTY + escaped(NASTY)


def test_a_stream_may_render_each_line_in_its_own_way() -> None:
    behind = io.StringIO()
    stream = EscapedStream(behind)
    stream.render = coloured_message
    print("[portweave] error: no\x1b[8m", "plain\x07", sep="\n", end="\n\n", file=stream)
    assert behind.getvalue() == (
        "\x1b[2m[portweave]\x1b[0m \x1b[1;31merror:\x1b[0m no\\x1b[8m\nplain\\x07\n\n"
    )
