"""Who is asked to end next where nobody is left but one who ends things."""

import pytest

from portweave.supervisor.processes.shutdown_order import (
    KILL_PATIENCE_S,
    LONGER_S,
    NOBODY,
    STRAY_GRACE_S,
    Ending,
    Farewell,
)

# The API waits for the migration, and so needs what that needed.
ENDINGS = {
    "db": Ending(10, 2),
    "migrate": Ending(5, 15, ("db",)),
    "api": Ending(2, 15, ("migrate",)),
    "web": Ending(1, 15, ("api",)),
    "mail": Ending(3, 15),
}


def asked(farewell: Farewell, *present: str, now_s: float) -> set[str]:
    farewell.ask(present, now_s)
    return {name for name in present if farewell.is_asked(name)}


def test_dependents_are_asked_before_what_they_need() -> None:
    farewell = Farewell(ENDINGS)
    assert asked(farewell, "db", "api", "web", "mail", now_s=100) == {"web", "mail"}
    assert asked(farewell, "db", "api", now_s=100.1) == {"api"}
    assert asked(farewell, "db", now_s=100.2) == {"db"}


def test_each_has_its_own_time_from_when_it_was_asked() -> None:
    farewell = Farewell(ENDINGS)
    farewell.ask(("db", "web", "mail"), 100)
    assert [name for name in ENDINGS if farewell.is_due(name, 101)] == ["web"]
    assert [name for name in ENDINGS if farewell.is_due(name, 103)] == ["web", "mail"]
    farewell.ask(("db",), 103)
    assert not farewell.is_due("db", 112.9)
    assert farewell.is_due("db", 113)


def test_who_cannot_be_killed_does_not_hold_up_the_others() -> None:
    farewell = Farewell(ENDINGS)
    farewell.ask(("db", "web"), 100)
    late_s = 101 + KILL_PATIENCE_S
    assert not farewell.is_lost("web", late_s - 0.1)
    assert asked(farewell, "db", "web", now_s=late_s - 0.1) == {"web"}
    assert farewell.is_lost("web", late_s)
    assert asked(farewell, "db", "web", now_s=late_s) == {"db", "web"}


def test_a_long_chain_takes_no_more_than_half_a_minute_longer() -> None:
    names = [f"s{number}" for number in range(10)]
    needs = [(), *((name,) for name in names)]
    farewell = Farewell({n: Ending(10, 15, one) for n, one in zip(names, needs, strict=False)})
    now_s = 0.0
    for number in reversed(range(10)):
        there = names[: number + 1]
        assert asked(farewell, *there, now_s=now_s) == {names[number]}
        # All shrink alike.
        now_s += (10 + LONGER_S) / 10
        assert not farewell.is_due(names[number], now_s - 0.01)
        assert farewell.is_due(names[number], now_s + 0.01)
    assert now_s == pytest.approx(10 + LONGER_S)


def test_what_is_alone_keeps_its_time_however_long() -> None:
    farewell = Farewell({"db": Ending(600, 15), "web": Ending(20, 15, ("db",))})
    farewell.ask(("db",), 0)
    assert not farewell.is_due("db", 599)
    assert farewell.is_due("db", 600)


def test_what_nobody_knows_comes_last() -> None:
    farewell = Farewell(ENDINGS)
    assert asked(farewell, NOBODY, "web", now_s=0) == {"web"}
    assert asked(farewell, NOBODY, now_s=0.1) == {NOBODY}
    assert farewell.is_due(NOBODY, 0.1 + STRAY_GRACE_S)


def test_what_nobody_knows_takes_no_time_of_its_own() -> None:
    farewell = Farewell({"db": Ending(3, 15), "web": Ending(1, 15, ("db",))})
    assert asked(farewell, NOBODY, "web", "db", now_s=0) == {"web"}
    assert asked(farewell, NOBODY, "db", now_s=2.9) == {"db"}
    assert asked(farewell, NOBODY, "db", now_s=3) == {NOBODY, "db"}
    assert farewell.is_due(NOBODY, 4)


@pytest.mark.parametrize("endings", [{}, {"web": Ending(0, 15)}], ids=["empty", "at once"])
def test_without_any_time_all_ends_the_same(endings: dict[str, Ending]) -> None:
    farewell = Farewell(endings)
    there = (NOBODY, *endings)
    assert asked(farewell, *there, now_s=5) == set(there)
    assert all(farewell.is_due(name, 5 + STRAY_GRACE_S) for name in there)


def test_halves_of_two_plans_may_go_in_a_circle() -> None:
    farewell = Farewell(
        {
            "a": Ending(1, 15, ("b",)),
            "b": Ending(1, 15, ("a", "gone")),
            "c": Ending(1, 15, ("a",)),
        }
    )
    assert asked(farewell, "a", "b", "c", now_s=0) == {"c"}
    assert asked(farewell, "a", "b", now_s=1) == {"a", "b"}
