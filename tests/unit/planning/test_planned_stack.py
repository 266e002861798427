"""A plan on its way to a supervisor."""

import json
import signal

from portweave.encoding.json_text import compact
from portweave.planning.planned_stack import plan_as_json
from portweave.supervisor.control.parameters import stack_plan
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
    # Definitions hold a member of an enumeration.
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


def test_a_plan_survives_its_way_through_json() -> None:
    line = compact(plan_as_json(PLAN)).encode()
    assert stack_plan(json.loads(line)) == PLAN
