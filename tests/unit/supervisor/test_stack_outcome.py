"""When the end of one service stops the stack, and the exit status of the stack."""

import pytest

from portweave.errors import LateHookError, ServiceFailedError, StartHookError
from portweave.supervisor.diagnosis.cause import Cause
from portweave.supervisor.services.fleet import Fleet
from portweave.supervisor.services.lifecycle import (
    Life,
    Phase,
)
from portweave.supervisor.services.plan import InstancePlan
from portweave.supervisor.stack_outcome import (
    exit_status,
    is_to_stop,
)


def plan(name: str, *, oneshot: bool = False, hook: bool = False) -> InstancePlan:
    return InstancePlan(
        *(name, name, 1, f"{name}-main", ("run",), "run", "/"),
        environment={"API_TOKEN": "geheim1"},
        oneshot=oneshot,
        hook=hook,
        last=name == "afterDown",
    )


def fleet(*plans: InstancePlan, **lives: Life) -> Fleet:
    names = plans or tuple(plan(name) for name in lives)
    return Fleet({p.name: p for p in names}, lives, frozenset(lives))


READY, EXITED = Life(Phase.READY), Life(Phase.EXITED, exit_status=0)
FAILED = Life(Phase.FAILED, exit_status=3, reason="exited with status 3")
COMPLETED = Life(Phase.COMPLETED, exit_status=0)

# Lives, the service asked for, whether any end aborts, and whether the stack stops.
STOPS: dict[str, tuple[Fleet, str | None, bool, bool]] = {
    "all run": (fleet(web=READY, api=READY), None, True, False),
    "one has ended": (fleet(web=READY, api=EXITED), None, False, False),
    "one has ended and any end aborts": (fleet(web=READY, api=EXITED), None, True, True),
    "one has failed and any end aborts": (fleet(web=READY, api=FAILED), None, True, True),
    "one has completed and any end aborts": (fleet(web=READY, api=COMPLETED), None, True, False),
    "a job has ended and any end aborts": (
        fleet(plan("web"), plan("job", oneshot=True), web=READY, job=EXITED),
        *(None, True, False),
    ),
    "the service asked for runs": (fleet(web=READY, api=EXITED), "web", False, False),
    "the service asked for has ended": (fleet(web=EXITED, api=READY), "web", False, True),
    "the service asked for has completed": (fleet(web=COMPLETED), "web", False, True),
    "the service asked for is blocked": (fleet(web=Life(Phase.BLOCKED)), "web", False, True),
    "the service asked for was removed": (fleet(api=READY), "web", False, True),
}


@pytest.mark.parametrize("name", STOPS)
def test_the_end_of_a_service_stops_the_stack_where_that_was_asked_for(name: str) -> None:
    services, source, abort, stops = STOPS[name]
    found = is_to_stop(services, services.lives, source, abort_on_exit=abort)
    assert found is stops


def test_the_end_of_a_service_that_does_not_start_by_itself_does_not_stop_the_stack() -> None:
    services = fleet(web=READY, tool=FAILED)
    assert not is_to_stop(services, {"web"}, None, abort_on_exit=True)


# Lives, the signal, the service asked for, whether a client ended it, and the status.
STATUSES: dict[str, tuple[Fleet, int | None, str | None, bool, int]] = {
    "all have ended": (fleet(web=EXITED), None, None, False, 0),
    "a signal comes before failures": (fleet(web=FAILED), 15, None, False, 143),
    "a client comes before failures": (fleet(web=FAILED), None, None, True, 0),
    "a signal comes before a client": (fleet(web=EXITED), 2, None, True, 130),
    "the service asked for gives its status": (fleet(web=FAILED), None, "web", False, 3),
    "the service asked for has status 0": (fleet(web=EXITED, api=FAILED), None, "web", False, 0),
    "the service asked for never ran": (fleet(web=Life(Phase.BLOCKED)), None, "web", False, 1),
    "the service asked for was removed": (fleet(api=FAILED), None, "web", False, 0),
}


@pytest.mark.parametrize("name", STATUSES)
def test_the_exit_status_tells_how_the_stack_ended(name: str) -> None:
    services, signal, source, by_client, status = STATUSES[name]
    found = exit_status(services, lambda _: None, signal, source, by_client=by_client)
    assert found == status


def test_a_failed_service_is_an_error_that_names_the_others_and_hides_secrets() -> None:
    services = fleet(
        web=Life(Phase.FAILED, reason="rejected geheim1"),
        api=Life(Phase.BLOCKED),
    )
    cause = Cause("crash", "rejected", hint="renew geheim1")
    with pytest.raises(ServiceFailedError) as raised:
        exit_status(services, lambda _: cause, None, None, by_client=False)
    text = f"{raised.value.message} {raised.value.hints}"
    assert "rejected ***" in text
    assert "renew ***" in text
    assert "api" in text
    assert "geheim1" not in text


@pytest.mark.parametrize(
    ("hook", "signal", "by_client", "kind"),
    [
        ("setup", None, False, StartHookError),
        ("beforeUp", None, False, StartHookError),
        ("afterReady", None, False, LateHookError),
        ("afterDown", None, False, LateHookError),
        ("afterDown", 2, False, LateHookError),
        ("afterDown", None, True, LateHookError),
    ],
)
def test_a_failed_hook_is_an_error(
    hook: str, signal: int | None, by_client: bool, kind: type[Exception]
) -> None:
    services = fleet(
        plan("web"),
        plan(hook, oneshot=True, hook=True),
        **{"web": Life(Phase.STOPPED), hook: FAILED},
    )
    with pytest.raises(kind) as raised:
        exit_status(services, lambda _: None, signal, None, by_client=by_client)
    assert f"{hook} failed: exited with status 3" in str(raised.value)


def test_a_stop_comes_before_a_hook_that_failed_earlier() -> None:
    services = fleet(
        plan("web"), plan("afterReady", hook=True), web=Life(Phase.STOPPED), afterReady=FAILED
    )
    assert exit_status(services, lambda _: None, 15, None, by_client=False) == 143
