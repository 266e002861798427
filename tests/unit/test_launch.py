"""A plan on its way to a supervisor, and what was asked for on its way to a plan."""

import json
import signal

import msgspec
import pytest

from portweave.allocator.jsontext import compact
from portweave.errors import UsageError
from portweave.launch import as_json, scale_of, seconds_of
from portweave.supervisor.core.plan import (
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
