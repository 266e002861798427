import pytest

from portweave.encoding.colours import (
    Style,
    are_kept,
    of_names,
    style_of,
)
from portweave.encoding.marks import ASCII
from portweave.encoding.name_colours import PALETTE, SMALL_PALETTE

TERMINAL, PIPE = True, False


@pytest.mark.parametrize(
    ("environ", "is_terminal", "kept", "names"),
    [
        pytest.param({}, TERMINAL, True, True, id="a terminal shows them"),
        pytest.param({}, PIPE, True, False, id="a pipe gets what services print"),
        pytest.param({"TERM": "dumb"}, TERMINAL, False, False, id="a dumb one cannot"),
        pytest.param({"TERM": "dumb"}, PIPE, True, False, id="a pipe has no kind"),
        pytest.param({"NO_COLOR": "1"}, TERMINAL, False, False, id="nobody wants them"),
        pytest.param({"NO_COLOR": "1"}, PIPE, False, False, id="in no pipe either"),
        pytest.param({"NO_COLOR": ""}, TERMINAL, True, True, id="an empty NO_COLOR is none"),
        pytest.param({"FORCE_COLOR": "1"}, PIPE, True, True, id="forced into a pipe"),
        pytest.param({"FORCE_COLOR": "3", "TERM": "dumb"}, TERMINAL, True, True, id="and onto it"),
        pytest.param({"FORCE_COLOR": "0"}, PIPE, True, False, id="0 forces nothing"),
        pytest.param({"FORCE_COLOR": "1", "NO_COLOR": "1"}, PIPE, False, False, id="no is no"),
    ],
)
def test_colours_follow_user_and_environment(
    environ: dict[str, str], is_terminal: bool, kept: bool, names: bool
) -> None:
    assert are_kept(environ, is_terminal=is_terminal) is kept
    assert of_names(environ, is_terminal=is_terminal) is names
    assert not are_kept(environ, is_terminal=is_terminal, refused=True)
    assert not of_names(environ, is_terminal=is_terminal, refused=True)


@pytest.mark.parametrize(
    ("environ", "out", "err", "refused", "style"),
    [
        ({"TERM": "xterm-256color"}, True, True, False, Style(PALETTE, True, ASCII)),
        ({"TERM": "xterm", "LANG": "C.UTF-8"}, True, True, False, Style(SMALL_PALETTE, True)),
        ({"TERM": "xterm"}, True, False, False, Style(SMALL_PALETTE, False, ASCII)),
        ({"TERM": "xterm"}, False, True, False, Style((), True, ASCII)),
        ({"TERM": "xterm"}, True, True, True, Style((), False, ASCII)),
        ({"TERM": "dumb"}, True, True, False, Style((), False, ASCII)),
        ({"NO_COLOR": "1"}, True, True, False, Style((), False, ASCII)),
        ({"FORCE_COLOR": "1"}, False, False, False, Style(SMALL_PALETTE, True, ASCII)),
    ],
)
def test_environment_and_outputs_decide_about_the_style(
    environ: dict[str, str], style: Style, *, out: bool, err: bool, refused: bool
) -> None:
    assert style_of(environ, out_is_terminal=out, err_is_terminal=err, refused=refused) == style
