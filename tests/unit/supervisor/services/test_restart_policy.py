"""When a service that ended is started again."""

import pytest

from portweave.supervisor.diagnosis.cause import Cause
from portweave.supervisor.processes.exit_status import describe_exit
from portweave.supervisor.services.plan import (
    RestartPolicy,
    When,
)
from portweave.supervisor.services.restart_policy import (
    GiveUp,
    RestartAt,
    RestartStreak,
    StayDown,
    after_exit,
)

NO = RestartPolicy(When.NO, None)
ON_FAILURE = RestartPolicy(When.ON_FAILURE, 10)
ALWAYS = RestartPolicy(When.ALWAYS, None)
PAUSES = RestartPolicy(When.ALWAYS, None, (0.1, 5))
NOW_S = 100.0
FRESH = RestartStreak()

# Policy, streak, status, seconds of ready time; the decision at NOW_S without jitter.
CASES: dict[str, tuple[RestartPolicy, RestartStreak, int, float, RestartAt | StayDown | GiveUp]] = {
    "no: in order": (NO, FRESH, 0, 60, StayDown()),
    "no: a failure": (NO, FRESH, 3, 60, GiveUp("exited with status 3")),
    "on-failure: in order": (ON_FAILURE, FRESH, 0, 60, StayDown()),
    "on-failure: after a second ready, at once": (
        *(ON_FAILURE, FRESH, 1, 1),
        RestartAt(NOW_S, RestartStreak(1, 0)),
    ),
    "on-failure: never ready, half a second": (
        *(ON_FAILURE, FRESH, 1, 0),
        RestartAt(NOW_S + 0.5, RestartStreak(1, 0.5)),
    ),
    "on-failure: ready for too short, half a second": (
        *(ON_FAILURE, FRESH, 1, 0.99),
        RestartAt(NOW_S + 0.5, RestartStreak(1, 0.5)),
    ),
    "the second time, half a second": (
        *(ON_FAILURE, RestartStreak(1, 0), 1, 5),
        RestartAt(NOW_S + 0.5, RestartStreak(2, 0.5)),
    ),
    "then twice as long": (
        *(ON_FAILURE, RestartStreak(2, 0.5), 1, 5),
        RestartAt(NOW_S + 1, RestartStreak(3, 1)),
    ),
    "up to half a minute": (
        *(ON_FAILURE, RestartStreak(8, 16), 1, 5),
        RestartAt(NOW_S + 30, RestartStreak(9, 30)),
    ),
    "and no longer": (
        *(ALWAYS, RestartStreak(80, 30), 1, 5),
        RestartAt(NOW_S + 30, RestartStreak(81, 30)),
    ),
    "ten seconds ready: all is forgotten": (
        *(ON_FAILURE, RestartStreak(9, 4), 1, 10),
        RestartAt(NOW_S, RestartStreak(1, 0)),
    ),
    "ten seconds ready are too few after a pause of more than five": (
        *(ON_FAILURE, RestartStreak(5, 8), 1, 15.9),
        RestartAt(NOW_S + 16, RestartStreak(6, 16)),
    ),
    "twice the pause ready: all is forgotten": (
        *(ON_FAILURE, RestartStreak(5, 8), 1, 16),
        RestartAt(NOW_S, RestartStreak(1, 0)),
    ),
    "the limit": (
        *(ON_FAILURE, RestartStreak(10, 30), 1, 5),
        GiveUp("exited with status 1; gave up after 10 restarts"),
    ),
    "a limit of one": (
        *(RestartPolicy(When.ON_FAILURE, 1), RestartStreak(1, 0.5), 1, 0),
        GiveUp("exited with status 1; gave up after 1 restart"),
    ),
    "the limit, but ready for long enough": (
        *(ON_FAILURE, RestartStreak(10, 30), 1, 60),
        RestartAt(NOW_S, RestartStreak(1, 0)),
    ),
    "always: in order too, with the same pauses": (
        *(ALWAYS, RestartStreak(1, 0.5), 0, 0),
        RestartAt(NOW_S + 1, RestartStreak(2, 1)),
    ),
    "always: without a limit": (
        *(ALWAYS, RestartStreak(500, 0.5), 1, 0),
        RestartAt(NOW_S + 1, RestartStreak(501, 1)),
    ),
    "pauses of its own: the first": (
        *(PAUSES, FRESH, 1, 60),
        RestartAt(NOW_S + 0.1, RestartStreak(1, 0.1)),
    ),
    "pauses of its own: the last is that of all others": (
        *(PAUSES, RestartStreak(7, 5), 1, 0),
        RestartAt(NOW_S + 5, RestartStreak(8, 5)),
    ),
    "not found: another try cannot help": (
        *(ALWAYS, FRESH, 127, 0),
        GiveUp("exited with status 127 (command not found); starting it again cannot help"),
    ),
    "not executable: another try cannot help": (
        *(ON_FAILURE, FRESH, 126, 0),
        GiveUp("exited with status 126 (not executable); starting it again cannot help"),
    ),
    "127 of a service that was ready is its own status": (
        *(ON_FAILURE, FRESH, 127, 2),
        RestartAt(NOW_S, RestartStreak(1, 0)),
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_what_follows_an_exit(name: str) -> None:
    policy, streak, status, ready_s, expected = CASES[name]
    assert after_exit(policy, streak, status, ready_s, 1.0, NOW_S) == expected


def test_jitter_changes_a_wait_but_not_the_base_of_the_next_one() -> None:
    found = after_exit(ON_FAILURE, RestartStreak(2, 0.5), 1, 0, 0.8, NOW_S)
    assert found == RestartAt(NOW_S + 0.8, RestartStreak(3, 1))


def test_portweave_gives_up_a_service_that_is_never_ready_after_ten_restarts() -> None:
    streak, delays_s = FRESH, list[float]()
    while isinstance(found := after_exit(ON_FAILURE, streak, 1, 0, 1.0, 0), RestartAt):
        streak = found.streak
        delays_s.append(found.at_s)
    assert delays_s == [0.5, 1, 2, 4, 8, 16, 30, 30, 30, 30]


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (0, "exited with status 0"),
        (3, "exited with status 3"),
        (126, "exited with status 126 (not executable)"),
        (127, "exited with status 127 (command not found)"),
        (128, "exited with status 128"),
        (137, "ended by signal 9 (SIGKILL)"),
        (143, "ended by signal 15 (SIGTERM)"),
        (255, "exited with status 255"),
    ],
)
def test_an_exit_status_in_words(status: int, words: str) -> None:
    assert describe_exit(status) == words


PERMANENT = Cause("port in use", "the port 3000 is in use", "find out who has it", permanent=True)


def test_a_permanent_failure_is_tried_twice_and_explained() -> None:
    first = after_exit(ON_FAILURE, FRESH, 1, 0.0, 1.0, NOW_S, cause=PERMANENT)
    assert isinstance(first, RestartAt)
    second = after_exit(ON_FAILURE, first.streak, 1, 0.0, 1.0, NOW_S, cause=PERMANENT)
    assert second == GiveUp(
        "exited with status 1: the port 3000 is in use, again; another start cannot help"
    )


def test_a_service_that_was_ready_is_restarted_after_a_permanent_failure() -> None:
    last = RestartStreak(3, 2.0)
    assert isinstance(after_exit(ON_FAILURE, last, 1, 5.0, 1.0, NOW_S, cause=PERMANENT), RestartAt)
