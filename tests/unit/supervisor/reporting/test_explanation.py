"""What is wrong with an instance, and which instance causes it."""

import pytest

from portweave.encoding.value import replace
from portweave.supervisor.diagnosis.cause import Cause
from portweave.supervisor.diagnosis.printed_error import find_error
from portweave.supervisor.reporting.explanation import (
    Output,
    blocking_chain,
    explain,
)
from portweave.supervisor.services.fleet import Fleet
from portweave.supervisor.services.lifecycle import (
    Life,
    Phase,
)
from portweave.supervisor.services.plan import (
    Condition,
    InstancePlan,
    Need,
    ReadyPlan,
)
from portweave.supervisor.services.readiness_rules import (
    Failed,
    with_other_ports,
)
from portweave.supervisor.services.restart_policy import RestartStreak

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
    "a ready instance": (fleet(), ["web"]),
    "a failed instance": (fleet(web=Phase.FAILED), ["web"]),
    "one step": (fleet(web=Phase.BLOCKED, api=Phase.FAILED), ["web", "api"]),
    "two steps, the failed one before the one on its way": (
        fleet(web=Phase.WAITING, api=Phase.BLOCKED, cache=Phase.STARTING, db=Phase.FAILED),
        ["web", "api", "db"],
    ),
    "nothing is in the way any more": (fleet(web=Phase.WAITING), ["web"]),
}


@pytest.mark.parametrize("name", CHAINS)
def test_the_instance_that_blocks_the_others_is_found(name: str) -> None:
    stack, chain = CHAINS[name]
    assert blocking_chain(stack, "web") == chain


def test_a_need_that_was_never_started_blocks_no_instance() -> None:
    assert blocking_chain(fleet(loose=Phase.WAITING), "loose") == ["loose"]


SERVER = replace(plan("web"), port=3000)
PRINTED = find_error(["Traceback (most recent call last):", '  File "a.py", line 2', "KeyError: 1"])
LOOP = Life(restarts=5, streak=RestartStreak(3, 2.0), ready_s=91.0, crash="exited with status 3")
TIMES = "it crashed 3 times in a row, the last: exited with status 3"
NOTHING = Output()
# State, last end, answer of the probes, output; the kind and words of the explanation.
TOLD: dict[str, tuple[Life, Cause | None, str, Output, str, str]] = {
    "ready": (Life(Phase.READY), None, "", NOTHING, "none", "it is ready"),
    "ready on another port": (
        Life(Phase.READY, reason=with_other_ports(Failed("no listener"), 7, (7, 8)).reason),
        *(None, "", NOTHING),
        *("wrong port", "it was started, and listens on 8 instead of 3000"),
    ),
    "ready without a listener": (
        Life(Phase.READY, reason="no listener"),
        *(None, "", NOTHING),
        *("no listener", "nothing of it listens on its port 3000"),
    ),
    "ready without a listener, with an error": (
        Life(Phase.READY, reason="no listener"),
        *(None, "", Output(PRINTED)),
        *("no listener", "its port 3000; it has printed an error: KeyError: 1 (a.py:2)"),
    ),
    "ready, with an error last": (
        Life(Phase.READY),
        *(None, "", Output(PRINTED)),
        *("error", "it has printed an error last: KeyError: 1 (a.py:2)"),
    ),
    "ready, its log is dropped": (
        Life(Phase.READY),
        *(None, "", Output(dropped="7 bytes could not be written: no space")),
        *("log", "its log is not complete: 7 bytes"),
    ),
    "ready after crashes": (
        Life(Phase.READY, restarts=2),
        *(CRASH, "", NOTHING),
        *("none", "after 2 restarts; the last: exited with status 3"),
    ),
    "crashing repeatedly": (
        replace(LOOP, phase=Phase.READY),
        *(CRASH, "", NOTHING),
        *("crash", f"{TIMES}; for now it is ready again"),
    ),
    "crashed repeatedly, and has recovered": (
        replace(LOOP, phase=Phase.READY, ready_s=90.0),
        *(CRASH, "", NOTHING),
        *("none", "nothing is wrong"),
    ),
    "crashed, and starts": (
        replace(LOOP, phase=Phase.STARTING, ready_s=None),
        *(CRASH, "no listener", NOTHING),
        *("crash", f"{TIMES}; it runs again, and is not ready: no listener"),
    ),
    "completed": (Life(Phase.COMPLETED), None, "", NOTHING, "none", "as intended"),
    "never started": (Life(), None, "", NOTHING, "not started", "has not been started"),
    "ended well": (Life(Phase.EXITED), None, "", NOTHING, "ended", "status 0"),
    "went into the background": (
        Life(Phase.EXITED, reason="left pid 7 behind"),
        *(Cause("background", "it left pid 7 behind", "foreground"), "", NOTHING),
        *("background", "it left pid 7 behind"),
    ),
    "on its way": (
        Life(Phase.STARTING),
        *(None, "nothing of it listens on port 3000", NOTHING),
        *("not ready", "nothing of it listens on port 3000"),
    ),
    "on its way, with an error": (
        Life(Phase.STARTING),
        *(None, "no listener", Output(PRINTED)),
        *("not ready", "no listener; it has printed an error: KeyError: 1 (a.py:2)"),
    ),
    "unhealthy": (
        Life(Phase.UNHEALTHY, reason="/ answers 500", ready_s=1.0),
        *(None, "", NOTHING),
        *("unhealthy", "/ answers 500"),
    ),
    "stopping": (Life(Phase.STOPPING), None, "", NOTHING, "stopping", "is being stopped"),
    "failed": (
        Life(Phase.FAILED, reason="exited with status 3; gave up after 2 restarts"),
        *(CRASH, "", NOTHING),
        *("crash", "exited with status 3"),
    ),
    "failed in time": (
        Life(Phase.FAILED, exit_status=143, reason="not ready after 3 s: no listener"),
        *(CRASH, "", NOTHING),
        *("not ready", "not ready after 3 s: no listener"),
    ),
    "between two tries": (
        replace(LOOP, phase=Phase.BACKOFF, reason="exited with status 3"),
        *(CRASH, "", NOTHING),
        *("crash", TIMES),
    ),
    "could not be started": (
        Life(Phase.FAILED, reason="its port 3000 is held by pid 1 (x)"),
        *(None, "", NOTHING),
        *("not started", "its port 3000 is held by pid 1 (x)"),
    ),
}


@pytest.mark.parametrize("name", TOLD)
def test_the_explanation_names_what_is_wrong(name: str) -> None:
    life, last, pending, printed, kind, text = TOLD[name]
    cause = explain(SERVER, life, last, pending, printed, 100.0, stopped_by_user=False)
    assert cause.kind == kind
    assert text in cause.text


@pytest.mark.parametrize(
    ("oneshot", "text"),
    [(False, "it has run for 1m10s"), (True, "it has run for 1m10s of at most 10m")],
)
def test_an_instance_with_nothing_to_tell_has_its_time(*, oneshot: bool, text: str) -> None:
    job = replace(SERVER, oneshot=oneshot, ready=ReadyPlan(timeout_s=600))
    life = Life(Phase.STARTING, started_s=30.2)
    assert explain(job, life, None, "", NOTHING, 100.0, stopped_by_user=False).text == text


def test_an_instance_that_the_user_stopped_is_explained_as_such() -> None:
    cause = explain(SERVER, Life(), None, "", NOTHING, 100.0, stopped_by_user=True)
    assert (cause.kind, cause.text) == ("stopped by user", "it was stopped with portweave stop")
