"""A plan on its way to a supervisor, and what was asked for on its way to a plan."""

import json
import signal

import msgspec
import pytest

from portweave.arguments.args import (
    Args,
    parse,
)
from portweave.cli.verbs import up
from portweave.encoding.json_write import compact
from portweave.encoding.value import replace
from portweave.errors import UsageError
from portweave.planning.stack_request import (
    as_json,
    origin_of,
    patience_s,
    scale_of,
    seconds_of,
    words_of,
)
from portweave.supervisor.services.plan import (
    Condition,
    InstancePlan,
    Need,
    ReadyPlan,
    RestartPolicy,
    StackPlan,
    When,
)

BARE = InstancePlan(
    name="db",
    service="db",
    number=1,
    full_name="db-main",
    argv=("serve",),
    command="serve",
    working_dir="/",
)
FULL = InstancePlan(
    name="web.2",
    service="web",
    number=2,
    full_name="web.2-main",
    argv=("sh", "-c", "echo 'ü' \udcff"),
    command="echo",
    working_dir="/code/\udcff",
    environment={"A": "b\nc", "B": "\udcff"},
    port=3000,
    url="http://127.0.0.1:3000",
    needs=(Need("db", Condition.COMPLETED), Need("web", Condition.STARTED)),
    ready=ReadyPlan(
        http="http://127.0.0.1/", tcp=1, exec=("true",), log="^up", interval_s=0.5, written=True
    ),
    restart=RestartPolicy(When.ALWAYS, None),
    oneshot=True,
    # As the definitions have it: a member of an enumeration.
    stop_signal=signal.SIGINT,
    stop_grace_s=0.25,
)
PLAN = StackPlan(
    project="shop",
    namespace="main",
    root="/code",
    instances=(BARE, FULL),
    wanted=frozenset({"db", "web.2"}),
    left_out=(("job", "why"),),
    warnings=("careful",),
)


def test_a_plan_arrives_as_it_was_sent() -> None:
    line = compact(as_json(PLAN)).encode()
    assert msgspec.convert(json.loads(line), StackPlan) == PLAN


@pytest.mark.parametrize(
    ("text", "scale"), [("web=3", ("web", 3)), ("my-api=0", ("my-api", 0)), ("a=999", ("a", 999))]
)
def test_a_scale(text: str, scale: tuple[str, int]) -> None:
    assert scale_of(text) == scale


@pytest.mark.parametrize(
    "text", ["web", "web=", "=3", "web=-1", "web=1.5", "web=²", "web=1000", ""]
)
def test_no_scale(text: str) -> None:
    with pytest.raises(UsageError, match="takes NAME=N"):
        scale_of(text)


def test_times() -> None:
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
        ("--timeout", "1m30s"),
        ("--timeout", "0.25"),
        ("--timeout", "100h"),
    ],
    ids=" ".join,
)
def test_what_was_asked_for_can_be_asked_for_again(given: tuple[str, ...]) -> None:
    def origin(words: list[str]) -> dict[str, object]:
        args = Args()
        parse(words, up.OPTIONS, args)
        return origin_of(args, {})

    asked = origin(list(given))
    assert origin(words_of(asked, {"web", "db"})) == asked


def test_what_there_is_no_more_is_not_asked_for_again() -> None:
    origin = {"services": ["web", "gone"], "scale": {"gone": 2, "web": 3}}
    assert words_of(origin, {"web"}) == ["--scale=web=3", "web"]
    # As of a stack that a program has made, or of a file that somebody has written.
    damaged: dict[str, object] = {
        "services": 3,
        "scale": [],
        "profiles": None,
        "timeoutS": "x",
        "restart": 1,
    }
    assert words_of({}, {"web"}) == words_of(damaged, {"web"}) == []


def test_a_detached_start_takes_as_long_as_is_said_else_as_its_services_may() -> None:
    slow = replace(BARE, ready=ReadyPlan(timeout_s=90.0))
    plan = StackPlan("shop", "main", "/code", (slow,), frozenset({"db"}))

    def wait_s(*words: str, names: tuple[str, ...] = ("db",)) -> float:
        args = Args()
        parse(list(words), up.OPTIONS, args)
        return patience_s(args, plan, names)

    assert wait_s("-d", "--timeout", "5") == 5
    assert wait_s("-d") == 90
    assert wait_s("-d", names=()) == 60
