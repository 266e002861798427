"""Pull requests from gh's output."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portweave.panel.pull_requests import PullRequest, read_request

URL = "https://github.com/shop/shop/pull/42"
OPEN = {"number": 42, "state": "OPEN", "url": URL, "title": "Sell more", "isDraft": False}
RUN = {"__typename": "CheckRun", "status": "COMPLETED", "name": "test"}
STATUS = {"__typename": "StatusContext", "context": "ci"}


def read(**fields: object) -> PullRequest:
    found = read_request(json.dumps({**OPEN, **fields}))
    assert found is not None
    return found


def test_the_fields_of_a_pull_request_are_read() -> None:
    assert read() == PullRequest(42, "open", URL, "Sell more")
    assert read(isDraft=True).is_draft
    assert read(reviewDecision="APPROVED").review == "approved"
    assert read(reviewDecision="").review is None
    assert read(url="javascript:alert(1)").url == ""
    assert len(read(title="x" * 10_000).title) == 200
    npm = {"number": 42, "state": "open", "url": URL}
    assert read().as_npm_json() == npm
    assert set(read().as_json()) == {*npm, "title", "isDraft", "review", "checks"}


def test_a_closed_pull_request_has_no_review_and_checks() -> None:
    done = read(
        state="MERGED",
        isDraft=True,
        reviewDecision="REVIEW_REQUIRED",
        statusCheckRollup=[{**RUN, "conclusion": "FAILURE"}],
    )
    assert done == PullRequest(42, "merged", URL, "Sell more")
    assert done.is_done


@pytest.mark.parametrize(
    ("checks", "told"),
    [
        (None, None),
        ([], None),
        ([{**RUN, "conclusion": "SUCCESS"}, {**RUN, "conclusion": "SKIPPED"}], "passed"),
        ([{**RUN, "conclusion": "SUCCESS"}, {**STATUS, "state": "SUCCESS"}], "passed"),
        ([{**RUN, "conclusion": "", "status": "IN_PROGRESS"}], "pending"),
        ([{**RUN, "conclusion": "SUCCESS"}, {**STATUS, "state": "PENDING"}], "pending"),
        ([{**RUN, "conclusion": "TIMED_OUT"}, {**STATUS, "state": "PENDING"}], "failed"),
        ([{**STATUS, "state": "ERROR"}], "failed"),
        (["nonsense", 1], None),
    ],
)
def test_checks_are_summed_up(checks: object, told: str | None) -> None:
    assert read(statusCheckRollup=checks).checks == told


@pytest.mark.parametrize(
    "text",
    [
        None,
        "",
        "no pull requests found for branch main",
        "[]",
        "{}",
        '{"number": "42", "state": "OPEN", "url": "https://x"}',
        '{"number": true, "state": "OPEN", "url": "https://x"}',
        '{"number": 42, "state": "QUEUED", "url": "https://x"}',
        '{"number": 42, "state": "OPEN", "url": null}',
        "[" * 100_000,
    ],
)
def test_invalid_output_is_no_pull_request(text: str | None) -> None:
    assert read_request(text) is None


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


@given(st.fixed_dictionaries({}, optional=dict.fromkeys(OPEN.keys() | {"statusCheckRollup"}, JSON)))
def test_any_output_is_read(found: dict[str, object]) -> None:
    request = read_request(json.dumps({**OPEN, **found}))
    assert request is None or json.dumps(request.as_json())
