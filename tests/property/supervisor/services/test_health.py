"""Laws of the health of a service after it was ready, over events in any order."""

from hypothesis import given, settings
from hypothesis import strategies as st

from portweave.supervisor.services.health import (
    AGAIN_S,
    UNHEALTHY_AFTER,
    after_answer,
    after_doubt,
    after_listener_finding,
    begin,
)
from portweave.supervisor.services.listener_rules import (
    HEALTHY,
    Finding,
)
from portweave.supervisor.services.readiness_rules import (
    Answer,
    Failed,
    Passed,
)

PAUSE_S = 30.0
FINDINGS = (HEALTHY, Finding("", is_quiet=True), Finding("gone", is_quiet=True), Finding("gone"))
# Events, and the seconds since the last one; an answer belongs to the next probe.
HAPPENINGS = st.lists(
    st.tuples(
        st.one_of(
            st.sampled_from([Passed(), Failed("answers 500"), None]), st.sampled_from(FINDINGS)
        ),
        st.floats(0, 20),
    ),
    max_size=40,
)


@settings(max_examples=100)
@given(HAPPENINGS)
def test_probes_come_in_time_and_not_too_often_and_one_cause_is_enough_to_be_unhealthy(
    happenings: list[tuple[Answer | Finding | None, float]],
) -> None:
    health, now_s, answered_s = begin(PAUSE_S, 0.0), 0.0, -AGAIN_S
    bad_in_a_row = 0
    for what, later_s in happenings:
        if isinstance(what, (Passed, Failed)):
            now_s = max(now_s, health.ask_at_s)
            assert now_s >= answered_s + AGAIN_S
            health, answered_s = after_answer(health, what, now_s), now_s
            bad_in_a_row = bad_in_a_row + 1 if isinstance(what, Failed) else 0
        else:
            now_s += later_s
            health = (
                after_doubt(health, now_s)
                if what is None
                else after_listener_finding(health, what, now_s)
            )
        assert health.ask_at_s <= max(answered_s, 0.0) + PAUSE_S
        is_ill = bad_in_a_row >= UNHEALTHY_AFTER or bool(health.finding.reason)
        assert bool(health.reason) == is_ill
