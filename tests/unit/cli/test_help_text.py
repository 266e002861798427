"""Help texts: their width, their groups, and how they are wrapped."""

from importlib import import_module

import pytest

from portweave.arguments.args import Option
from portweave.arguments.global_options import GLOBAL_OPTIONS, GROUPS, VERBS
from portweave.cli.help_text import command_help, verb_help


def help_of(verb: str, width: int = 80) -> str:
    module = import_module(f"portweave.cli.verbs.{verb}")
    return verb_help(verb, module.USAGE, module.HELP, module.OPTIONS, GLOBAL_OPTIONS, width)


@pytest.mark.parametrize("width", [80, 60])
@pytest.mark.parametrize("verb", VERBS)
def test_no_line_of_a_help_is_too_wide(verb: str, width: int) -> None:
    text = help_of(verb, width)
    # A path or command may be longer than a narrow terminal.
    lines = [line for line in text.split("\n") if width == 80 or len(line.split()) > 1]
    assert [line for line in lines if len(line) > width] == []
    assert not any(line.endswith(" ") for line in text.split("\n"))


@pytest.mark.parametrize("width", [80, 60])
def test_no_line_of_the_list_of_commands_is_too_wide(width: int) -> None:
    text = command_help(VERBS, GROUPS, GLOBAL_OPTIONS, width)
    assert max(map(len, text.split("\n"))) <= width


def test_options_are_grouped_and_wrapped_with_a_hanging_indent() -> None:
    options = (
        Option("--one", about="first"),
        Option("-t", "--two", metavar="N", about="of a theme, " * 6 + "end", group="A theme"),
        Option("--a-long-option", metavar="WITH-A-LONG-VALUE", about="below", group="A theme"),
    )
    text = verb_help(
        "do",
        "[NAME]",
        "Do it.\nNow.\n\n  as it is",
        options,
        (options[0], Option("--all", about="any")),
        60,
    )
    assert (
        text
        == """\
Usage: portweave do [NAME]

Do it. Now.

  as it is

Options:
  --one                      first

A theme:
  -t, --two N                of a theme, of a theme, of a
                             theme, of a theme, of a theme,
                             of a theme, end
  --a-long-option WITH-A-LONG-VALUE
                             below

Global options:
  --all                      any"""
    )


def test_a_long_usage_goes_on_below_itself() -> None:
    text = verb_help("do", "[--many OPTIONS] " * 4, "Do it.", (), (), 60)
    assert text.split("\n")[:2] == [
        "Usage: portweave do [--many OPTIONS] [--many OPTIONS]",
        "       [--many OPTIONS] [--many OPTIONS]",
    ]
