"""The values of options, and what `up` makes of its command line."""

import pytest

from portweave.arguments.args import (
    Args,
    parse,
)
from portweave.cli.option_values import request_of, run_options_of, scale_of, seconds_of
from portweave.cli.verbs import up
from portweave.errors import UsageError
from portweave.planning.stack_request import StartOptions, restart_policy


def args_of(*words: str) -> Args:
    args = Args()
    parse(list(words), up.OPTIONS, args)
    return args


def options_of(*words: str) -> StartOptions:
    return request_of(args_of(*words), {}).options


@pytest.mark.parametrize(
    ("text", "scale"), [("web=3", ("web", 3)), ("my-api=0", ("my-api", 0)), ("a=999", ("a", 999))]
)
def test_a_scale_is_a_name_and_a_number(text: str, scale: tuple[str, int]) -> None:
    assert scale_of(text) == scale


@pytest.mark.parametrize(
    "text", ["web", "web=", "=3", "web=-1", "web=1.5", "web=²", "web=1000", ""]
)
def test_another_text_is_no_scale(text: str) -> None:
    with pytest.raises(UsageError, match="takes NAME=N"):
        scale_of(text)


def test_a_time_is_read_in_seconds() -> None:
    assert seconds_of(None) == 60.0
    assert seconds_of("1m30s") == 90.0
    assert seconds_of("0", zero=True) == 0.0
    for text in ("0", "", "soon", "-1", "1e3", "inf", "nan"):
        with pytest.raises(UsageError, match="-t takes a time"):
            seconds_of(text, "-t")


@pytest.mark.parametrize(
    "given",
    [
        (),
        ("web", "db"),
        ("--profile", "a", "--profile", "-b", "--scale", "web=0", "--scale", "db=3"),
        ("--no-deps", "--watch", "--no-proxy", "--restart", "on-failure:3", "web"),
        ("--restart", "on-failure"),
        ("--timeout", "1m30s"),
        ("--timeout", "0.25"),
        ("--timeout", "100h"),
    ],
    ids=" ".join,
)
def test_the_words_of_a_request_ask_for_the_same_again(given: tuple[str, ...]) -> None:
    options = options_of(*given)
    assert options_of(*options.as_words({"web", "db"})) == options


def test_a_stack_that_its_first_exit_stops_restarts_nothing() -> None:
    no = restart_policy("no", None)
    assert options_of("--abort-on-exit").restart == no
    assert options_of("--exit-code-from", "web").restart == no
    always = options_of("--abort-on-exit", "--restart", "always").restart
    assert always == restart_policy("always", None)


def test_an_unknown_restart_policy_is_refused() -> None:
    with pytest.raises(UsageError, match="--restart takes no, on-failure"):
        options_of("--restart", "sometimes")


def test_a_command_waits_with_its_own_timeout_only_if_one_was_given() -> None:
    assert run_options_of(args_of("-d")).timeout_s is None
    assert run_options_of(args_of("-d", "--timeout", "5")).timeout_s == 5
