"""The line that sums up the end of a stack."""

import pytest

from portweave.encoding.value import replace
from portweave.supervisor.reporting.last_word import StackEnd
from portweave.supervisor.services.fleet import Fleet
from portweave.supervisor.services.lifecycle import Life, Phase
from portweave.supervisor.services.plan import InstancePlan

PLAN = InstancePlan("web", "web", 1, "web-main", ("run",), "run", "/")


def fleet(**phases: Phase) -> Fleet:
    plans = {name: replace(PLAN, name=name, hook=name == "hook") for name in phases}
    lives = {name: Life(phase) for name, phase in phases.items()}
    return Fleet(plans, lives, frozenset(phases))


MANY = {f"s{number}": Phase.READY for number in range(9)}


@pytest.mark.parametrize(
    ("before", "after", "killed", "expected"),
    [
        ({"web": Phase.READY}, {"web": Phase.STOPPED}, (), "stopped 1 service in 3.1 s"),
        (
            {
                "web": Phase.READY,
                "db": Phase.UNHEALTHY,
                "api": Phase.FAILED,
                "job": Phase.COMPLETED,
            },
            {
                "web": Phase.STOPPED,
                "db": Phase.STOPPED,
                "api": Phase.FAILED,
                "job": Phase.COMPLETED,
            },
            ("db",),
            "stopped 2 services in 3.1 s; killed db; failed: api",
        ),
        # It would have been started again.
        (
            {"web": Phase.READY, "api": Phase.BACKOFF},
            {"web": Phase.STOPPED, "api": Phase.STOPPED},
            (),
            "stopped 1 service in 3.1 s; failed: api",
        ),
        # It was killed in an earlier run.
        ({"web": Phase.EXITED}, {"web": Phase.EXITED}, ("web",), "stopped; no service was running"),
        (
            {"web": Phase.READY, "hook": Phase.STARTING},
            {"web": Phase.STOPPED, "hook": Phase.FAILED},
            (),
            "stopped 1 service in 3.1 s; failed: hook",
        ),
        (
            MANY,
            dict.fromkeys(MANY, Phase.STOPPED),
            tuple(MANY),
            "stopped 9 services in 3.1 s; killed s0, s1, s2, s3, s4, s5 and 3 more",
        ),
    ],
)
def test_an_end_is_summed_up(
    before: dict[str, Phase], after: dict[str, Phase], killed: tuple[str, ...], expected: str
) -> None:
    end = StackEnd(fleet(**before), 10.0)
    assert end.summary(fleet(**after), killed, 13.12) == expected
    assert end.has_stopped is (not expected.startswith("stopped;"))
