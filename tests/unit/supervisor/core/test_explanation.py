"""What is wrong with an instance, and whose fault it is."""

import pytest

from portweave.supervisor.core.diagnosis import Cause
from portweave.supervisor.core.explanation import culprit, explain
from portweave.supervisor.core.fleet import Fleet
from portweave.supervisor.core.lifecycle import Life, Phase
from portweave.supervisor.core.plan import Condition, InstancePlan, Need
from portweave.supervisor.core.ready import Failed, elsewhere
from portweave.supervisor.core.restart import Streak

CRASH = Cause("crash", "exited with status 3")


def plan(name: str, *needs: str) -> InstancePlan:
    return InstancePlan(
        *(name, name, 1, f"{name}-main", ("run",), "run", "/"),
        needs=tuple(Need(need, Condition.READY) for need in needs),
    )


def fleet(**phases: Phase) -> Fleet:
    plans = [
        plan("db"),
        plan("cache"),
        plan("api", "cache", "db"),
        plan("web", "api"),
        plan("loose", "gone"),
    ]
    lives = {p.name: Life(phases.get(p.name, Phase.READY)) for p in plans}
    return Fleet({p.name: p for p in plans}, lives, frozenset(lives))


CHAINS: dict[str, tuple[Fleet, list[str]]] = {
    "what is ready is its own": (fleet(), ["web"]),
    "what failed itself": (fleet(web=Phase.FAILED), ["web"]),
    "one step": (fleet(web=Phase.BLOCKED, api=Phase.FAILED), ["web", "api"]),
    "two steps, the failed one before the one on its way": (
        fleet(web=Phase.WAITING, api=Phase.BLOCKED, cache=Phase.STARTING, db=Phase.FAILED),
        ["web", "api", "db"],
    ),
    "nothing is in the way any more": (fleet(web=Phase.WAITING), ["web"]),
}


@pytest.mark.parametrize("name", CHAINS)
def test_the_one_that_holds_up_the_others_is_found(name: str) -> None:
    stack, chain = CHAINS[name]
    assert culprit(stack, "web") == chain


def test_a_need_that_takes_no_part_is_nobodys_fault() -> None:
    assert culprit(fleet(loose=Phase.WAITING), "loose") == ["loose"]


TOLD: dict[str, tuple[Life, Cause | None, str, bool, str, str]] = {
    "ready": (Life(Phase.READY), None, "", False, "none", "it is ready"),
    "ready on another port": (
        Life(Phase.READY, reason=elsewhere(Failed("no listener"), 7, (7, 8)).reason),
        *(None, "", False),
        *("wrong port", "it was given 7, listens on 8"),
    ),
    "ready after crashes": (
        Life(Phase.READY, restarts=2),
        *(CRASH, "", False),
        *("none", "after 2 restarts; the last: exited with status 3"),
    ),
    "crashing again and again": (
        Life(Phase.READY, restarts=5, streak=Streak(3, 2.0), ready_s=91.0),
        *(CRASH, "", False),
        *("crash", "exited with status 3, 3 times in a row; for now it is ready again"),
    ),
    "crashed again and again, and has recovered": (
        Life(Phase.READY, restarts=3, streak=Streak(3, 2.0), ready_s=90.0),
        *(CRASH, "", False),
        *("none", "nothing is wrong"),
    ),
    "completed": (Life(Phase.COMPLETED), None, "", False, "none", "as it was meant to"),
    "stopped by the user": (Life(), None, "", True, "stopped by user", "portweave stop"),
    "never started": (Life(), None, "", False, "not started", "has not been started"),
    "ended well": (Life(Phase.EXITED), None, "", False, "ended", "status 0"),
    "on its way": (
        Life(Phase.STARTING),
        *(None, "nothing of it listens on port 3000", False),
        *("not ready", "nothing of it listens on port 3000"),
    ),
    "unhealthy": (
        Life(Phase.UNHEALTHY, reason="/ answers 500", ready_s=1.0),
        *(None, "", False),
        *("unhealthy", "/ answers 500"),
    ),
    "stopping": (Life(Phase.STOPPING), None, "", False, "stopping", "is being stopped"),
    "failed": (Life(Phase.FAILED), CRASH, "", False, "crash", "exited with status 3"),
    "between two tries": (Life(Phase.BACKOFF), CRASH, "", False, "crash", "status 3"),
    "could not be started": (
        Life(Phase.FAILED, reason="its port 3000 is held by pid 1 (x)"),
        *(None, "", False),
        *("not started", "its port 3000 is held by pid 1 (x)"),
    ),
}


@pytest.mark.parametrize("name", TOLD)
def test_what_is_wrong_is_said(name: str) -> None:
    life, last, pending, rested, kind, text = TOLD[name]
    cause = explain("web", life, last, pending, 100.0, rested=rested)
    assert cause.kind == kind
    assert text in cause.text
