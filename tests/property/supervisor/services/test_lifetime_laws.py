"""Laws of the lifetime of a stack, for any history."""

from hypothesis import given
from hypothesis import strategies as st

from portweave.supervisor.services.lifetime import (
    FOREVER,
    Lifetime,
    Owner,
    Terms,
    begin,
    due,
    end_owner,
    join,
    keep,
    note_use,
    terms_from_json,
    told_end,
)

OWNERS = tuple(Owner(pid, str(pid), f"agent-{pid}") for pid in range(2, 6))
LIMIT_S = st.none() | st.floats(1, 1000)
TERMS = st.builds(
    Terms, st.lists(st.sampled_from(OWNERS), unique=True, max_size=3).map(tuple), LIMIT_S, LIMIT_S
)
STEPS = st.lists(
    st.tuples(
        st.floats(0, 100),
        st.sampled_from(("end", "use", "up", "keep", "forever")),
        TERMS,
        st.sampled_from(OWNERS),
    ),
    max_size=12,
)


def after(life: Lifetime, kind: str, terms: Terms, owner: Owner, now_s: float) -> Lifetime:
    match kind:
        case "end":
            return end_owner(life, owner, now_s)
        case "use":
            return note_use(life, "GET /", now_s)
        case "up":
            return join(life, terms, now_s)
        case _:
            return keep(
                life, terms if kind == "keep" else FOREVER, now_s, forever=kind == "forever"
            )


@given(TERMS, STEPS)
def test_each_history_has_an_end_that_fits_it(
    terms: Terms, steps: list[tuple[float, str, Terms, Owner]]
) -> None:
    now_s = 0.0
    life = begin(terms, now_s)
    for pause_s, kind, given_terms, owner in steps:
        now_s += pause_s
        before, life = life, after(life, kind, given_terms, owner, now_s)
        # Only the end of an owner, and keep, may bring the end nearer.
        old, new = due(before), due(life)
        if kind == "use" or (kind == "up" and given_terms.is_forever):
            assert new is None or (old is not None and new.at_s >= old.at_s)
        if kind == "up" and before.is_forever:
            assert life.is_forever
        if kind == "forever":
            assert life.is_forever
        # Either an owner lives, or the last one has ended, or there has been none.
        assert life.ownerless_s is None or not life.terms.owners
        assert (life.ownerless_s is None) == (life.last_owner is None)
        assert life.is_forever == (due(life) is None and not life.terms.owners)
        assert told_end(life, now_s)
        assert terms_from_json(life.terms.as_json()) == life.terms
