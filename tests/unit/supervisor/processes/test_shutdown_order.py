"""The order in which services stop when the supervisor cannot stop them."""

import pytest

from portweave.supervisor.processes.shutdown_order import (
    KILL_PATIENCE_S,
    MOST_EXTRA_S,
    NO_SERVICE,
    ORPHAN_GRACE_S,
    ShutdownOrder,
    StopRule,
)

# The API waits for the migration, and so needs what that needed.
RULES = {
    "db": StopRule(10, 2),
    "migrate": StopRule(5, 15, ("db",)),
    "api": StopRule(2, 15, ("migrate",)),
    "web": StopRule(1, 15, ("api",)),
    "mail": StopRule(3, 15),
}


def asked(order: ShutdownOrder, *present: str, now_s: float) -> set[str]:
    order.ask(present, now_s)
    return {name for name in present if order.is_asked(name)}


def test_dependents_are_asked_before_what_they_need() -> None:
    order = ShutdownOrder(RULES)
    assert asked(order, "db", "api", "web", "mail", now_s=100) == {"web", "mail"}
    assert asked(order, "db", "api", now_s=100.1) == {"api"}
    assert asked(order, "db", now_s=100.2) == {"db"}


def test_the_grace_of_a_service_begins_when_it_is_asked() -> None:
    order = ShutdownOrder(RULES)
    order.ask(("db", "web", "mail"), 100)
    assert [name for name in RULES if order.is_due(name, 101)] == ["web"]
    assert [name for name in RULES if order.is_due(name, 103)] == ["web", "mail"]
    order.ask(("db",), 103)
    assert not order.is_due("db", 112.9)
    assert order.is_due("db", 113)


def test_a_service_that_survives_sigkill_does_not_delay_the_others() -> None:
    order = ShutdownOrder(RULES)
    order.ask(("db", "web"), 100)
    late_s = 101 + KILL_PATIENCE_S
    assert not order.is_lost("web", late_s - 0.1)
    assert asked(order, "db", "web", now_s=late_s - 0.1) == {"web"}
    assert order.is_lost("web", late_s)
    assert asked(order, "db", "web", now_s=late_s) == {"db", "web"}


def test_a_long_chain_takes_no_more_than_half_a_minute_longer() -> None:
    names = [f"s{number}" for number in range(10)]
    needs = [(), *((name,) for name in names)]
    order = ShutdownOrder({n: StopRule(10, 15, one) for n, one in zip(names, needs, strict=False)})
    now_s = 0.0
    for number in reversed(range(10)):
        there = names[: number + 1]
        assert asked(order, *there, now_s=now_s) == {names[number]}
        # All shrink alike.
        now_s += (10 + MOST_EXTRA_S) / 10
        assert not order.is_due(names[number], now_s - 0.01)
        assert order.is_due(names[number], now_s + 0.01)
    assert now_s == pytest.approx(10 + MOST_EXTRA_S)


def test_a_service_alone_keeps_its_grace_however_long() -> None:
    order = ShutdownOrder({"db": StopRule(600, 15), "web": StopRule(20, 15, ("db",))})
    order.ask(("db",), 0)
    assert not order.is_due("db", 599)
    assert order.is_due("db", 600)


def test_processes_of_no_service_are_asked_last() -> None:
    order = ShutdownOrder(RULES)
    assert asked(order, NO_SERVICE, "web", now_s=0) == {"web"}
    assert asked(order, NO_SERVICE, now_s=0.1) == {NO_SERVICE}
    assert order.is_due(NO_SERVICE, 0.1 + ORPHAN_GRACE_S)


def test_processes_of_no_service_get_no_extra_time() -> None:
    order = ShutdownOrder({"db": StopRule(3, 15), "web": StopRule(1, 15, ("db",))})
    assert asked(order, NO_SERVICE, "web", "db", now_s=0) == {"web"}
    assert asked(order, NO_SERVICE, "db", now_s=2.9) == {"db"}
    assert asked(order, NO_SERVICE, "db", now_s=3) == {NO_SERVICE, "db"}
    assert order.is_due(NO_SERVICE, 4)


@pytest.mark.parametrize("rules", [{}, {"web": StopRule(0, 15)}], ids=["empty", "at once"])
def test_without_any_grace_all_services_still_end(rules: dict[str, StopRule]) -> None:
    order = ShutdownOrder(rules)
    there = (NO_SERVICE, *rules)
    assert asked(order, *there, now_s=5) == set(there)
    assert all(order.is_due(name, 5 + ORPHAN_GRACE_S) for name in there)


def test_services_may_need_each_other() -> None:
    order = ShutdownOrder(
        {
            "a": StopRule(1, 15, ("b",)),
            "b": StopRule(1, 15, ("a", "gone")),
            "c": StopRule(1, 15, ("a",)),
        }
    )
    assert asked(order, "a", "b", "c", now_s=0) == {"c"}
    assert asked(order, "a", "b", now_s=1) == {"a", "b"}
