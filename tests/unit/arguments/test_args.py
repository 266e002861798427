"""Command-line arguments: words in, values out."""

import pytest

from portweave.arguments.args import (
    Args,
    Option,
    parse,
)
from portweave.errors import UsageError

OPTIONS = (
    Option("-f", "--file", "--config", metavar="PATH", dest="config", about=""),
    Option("--scale", metavar="NAME=N", many=True, about=""),
    Option("--no-color", about=""),
    Option("-d", "--detach", about=""),
)

# The words; the value of --config, all values of --scale, the switches, the operands, the rest.
READ: dict[str, tuple[str, str | None, str, str, str, str | None]] = {
    "nothing": ("", None, "", "", "", None),
    "operands": ("web api", None, "", "", "web api", None),
    "a value behind": ("--config x", "x", "", "", "", None),
    "a value behind an equals sign": ("--config=x=y", "x=y", "", "", "", None),
    "another spelling": ("--file x", "x", "", "", "", None),
    "a short one": ("-f x", "x", "", "", "", None),
    "a short one with its value": ("-fx", "x", "", "", "", None),
    "a switch and a short one": ("-df x web", "x", "", "detach", "web", None),
    "a switch and a short one with its value": ("-dfx", "x", "", "detach", "", None),
    "a switch twice": ("-dd", None, "", "detach", "", None),
    "an empty value": ("--config=", "", "", "", "", None),
    "the last one counts": ("-f x --file y", "y", "", "", "", None),
    "many": ("--scale a=1 --scale=b=2", None, "a=1 b=2", "", "", None),
    "switches": ("--no-color -d", None, "", "no_color detach", "", None),
    "options behind operands": ("web -d api -f x", "x", "", "detach", "web api", None),
    "a dash is an operand": ("- web", None, "", "", "- web", None),
    "a value that looks like an option": ("-f -d", "-d", "", "", "", None),
    "a value that looks like the end": ("-f -- web", "--", "", "", "web", None),
    "what is behind the end": ("web -- -d x", None, "", "", "web", "-d x"),
    "nothing behind the end": ("web --", None, "", "", "web", ""),
    "a second end is a word": ("-- a -- b", None, "", "", "", "a -- b"),
}


@pytest.mark.parametrize("name", READ)
def test_words_are_read(name: str) -> None:
    words, config, scale, switches, operands, rest = READ[name]
    args = Args()
    assert parse(words.split(), OPTIONS, args) == []
    assert args.text("config") == config
    assert args.texts("scale") == scale.split()
    assert [s for s in ("no_color", "detach") if args.flag(s)] == switches.split()
    assert args.operands == operands.split()
    assert args.rest == (None if rest is None else rest.split())


@pytest.mark.parametrize(
    ("words", "message", "hint"),
    [
        ("--detahc", "unknown option '--detahc'", "--detach"),
        ("--x=1", "unknown option '--x'", ""),
        ("-x1", "unknown option '-x1'", ""),
        ("-f", "option '-f <path>' argument missing", ""),
        ("web --scale", "option '--scale <name=n>' argument missing", ""),
        ("--detach=yes", "option '--detach' takes no value", ""),
        ("-df", "option '-f <path>' argument missing", ""),
        ("-dx", "option '-d' takes no value", ""),
        ("-d=yes", "option '-d' takes no value", ""),
    ],
)
def test_invalid_arguments_are_errors(words: str, message: str, hint: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse(words.split(), OPTIONS, Args())
    assert message in caught.value.message
    assert hint in " ".join(caught.value.hints)


@pytest.mark.parametrize(
    ("words", "unread"),
    [
        ("-d up -f x", "up -f x"),
        ("-f x up", "up"),
        ("-d", ""),
        ("-d --strange", "--strange"),
        ("-dd up -f x", "up -f x"),
        ("-x", "-x"),
        ("-d -- up", "-- up"),
        ("- up", "- up"),
    ],
)
def test_reading_can_stop_at_the_first_word_that_is_not_its_own(words: str, unread: str) -> None:
    args = Args()
    assert parse(words.split(), OPTIONS, args, stop_at_operand=True) == unread.split()
    assert args.operands == []
    assert args.rest is None


def test_a_value_that_is_missing_is_an_error_also_where_reading_stops() -> None:
    with pytest.raises(UsageError, match="argument missing"):
        parse(["-f"], OPTIONS, Args(), stop_at_operand=True)


def test_reading_goes_on_with_what_was_read_before() -> None:
    args = Args()
    rest = parse(["-f", "x", "up", "-d", "web"], OPTIONS, args, stop_at_operand=True)
    assert parse(rest[1:], OPTIONS, args) == []
    assert (args.text("config"), args.flag("detach"), args.operands) == ("x", True, ["web"])


def test_an_option_is_held_under_the_last_of_its_names() -> None:
    assert Option("-d", "--detach-now", about="").dest == "detach_now"
    assert Option("-f", "--file", dest="config", about="").dest == "config"
