"""How long a detached start waits for its services."""

from portweave.client.stack_start import ready_timeout_s
from portweave.supervisor.services.plan import InstancePlan, ReadyPlan, StackPlan


def test_a_detached_start_waits_as_long_as_is_given_or_as_its_services_may_take() -> None:
    ready = ReadyPlan(timeout_s=90.0)
    slow = InstancePlan("db", "db", 1, "db-main", ("serve",), "serve", "/", ready=ready)
    plan = StackPlan("shop", "main", "/code", (slow,), frozenset({"db"}))
    assert ready_timeout_s(5, plan, ["db"]) == 5
    assert ready_timeout_s(None, plan, ["db"]) == 90
    assert ready_timeout_s(None, plan, []) == 60
