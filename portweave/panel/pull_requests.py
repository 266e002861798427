"""Pure. Parse a pull request from `gh pr view --json` (GitHub CLI manual)."""

import json

from portweave.encoding.json_text import (
    is_list,
    is_object,
)
from portweave.encoding.value import value

FIELDS = ("state", "number", "url", "title", "isDraft", "reviewDecision", "statusCheckRollup")
_STATES = ("open", "closed", "merged")
_REVIEWS = {
    "APPROVED": "approved",
    "CHANGES_REQUESTED": "changes requested",
    "REVIEW_REQUIRED": "review required",
}
# Values of a check that has ended, and of a commit status from another service.
_GOOD = frozenset({"SUCCESS", "NEUTRAL", "SKIPPED"})
_PENDING = frozenset({"", "PENDING", "EXPECTED", "STALE"})


@value
class PullRequest:
    """A pull request.

    Attributes:
        number: Its number on GitHub.
        state: `open`, `closed` or `merged`.
        url: The URL of its page; empty where it is not https.
        title: Its title.
        is_draft: Whether it is a draft.
        review: The review decision in words; None for none.
        checks: `passed`, `failed` or `pending`; None without checks.
    """

    number: int
    state: str
    url: str
    title: str = ""
    is_draft: bool = False
    review: str | None = None
    checks: str | None = None

    @property
    def is_done(self) -> bool:
        """Whether it is closed or merged."""
        return self.state != "open"

    def as_npm_json(self) -> dict[str, object]:
        """Return it in the shape of npm portweave."""
        return {"number": self.number, "state": self.state, "url": self.url}

    def as_json(self) -> dict[str, object]:
        """Return all that is known of it."""
        return {
            **self.as_npm_json(),
            "title": self.title,
            "isDraft": self.is_draft,
            "review": self.review,
            "checks": self.checks,
        }


def read_request(text: str | None) -> PullRequest | None:
    """Parse the output of `gh`; None for no pull request, or an invalid one."""
    try:
        found: object = json.loads(text or "null")
    except (ValueError, RecursionError):
        return None
    if not is_object(found):
        return None
    number, state, url = found.get("number"), str(found.get("state", "")).lower(), found.get("url")
    if type(number) is not int or state not in _STATES or not isinstance(url, str):
        return None
    is_open = state == "open"
    return PullRequest(
        number,
        state,
        url if url.startswith("https://") else "",
        str(found.get("title") or "")[:200],
        is_open and found.get("isDraft") is True,
        _REVIEWS.get(str(found.get("reviewDecision"))) if is_open else None,
        _checks(found.get("statusCheckRollup")) if is_open else None,
    )


def _checks(found: object) -> str | None:
    # A check run that has ended has a conclusion; a commit status has a state.
    ends = [
        str(check.get("conclusion") or check.get("state") or "")
        for check in (found if is_list(found) else ())
        if is_object(check)
    ]
    if not ends:
        return None
    if any(end not in _GOOD and end not in _PENDING for end in ends):
        return "failed"
    return "pending" if any(end in _PENDING for end in ends) else "passed"
