import pytest

from portweave.encoding.colours import (
    are_kept,
    of_names,
)

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
