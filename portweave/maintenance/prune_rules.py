"""Pure. Which worktrees `prune --all` chooses, and why it leaves others alone."""

from portweave.encoding.duration import duration_text, parse
from portweave.encoding.value import value

_DAY_S = 86_400.0
# The messages of a branch's reflog that tell of a commit made on it. A branch that was only
# created, reset, or moved forward to commits of others has none.
_OWN = ("commit", "cherry-pick", "revert", "am")


@value
class MergeFacts:
    """What is known of the branch of a worktree.

    Attributes:
        branch: Its name; None for a detached HEAD, or if git does not tell.
        default: The default branch of the repository; empty if unknown.
        has_own_commit: Whether a commit was made on it.
        is_clean: Whether nothing is uncommitted; files that git does not track count as such.
        ahead: How many commits are not pushed.
        is_contained: Whether its tip is in the default branch.
        request: The merged pull request of exactly this commit; 0 for none.
    """

    branch: str | None
    default: str = ""
    has_own_commit: bool = False
    is_clean: bool = False
    ahead: int = 0
    is_contained: bool = False
    request: int = 0


@value
class PruneFacts:
    """What is known of a worktree with ports or a stack.

    Attributes:
        exists: Whether its folder is there.
        trouble: Why that cannot be seen; empty if it can.
        is_locked: Whether it is locked: git-worktree(1), `lock`.
        used_s: When it was last used, in seconds since 1970; None if unknown.
        merge: Of its branch; None if that was not asked for.
    """

    exists: bool
    trouble: str = ""
    is_locked: bool = False
    used_s: float | None = None
    merge: MergeFacts | None = None


@value
class Choice:
    """What `prune --all` was asked for.

    Attributes:
        gone: Worktrees without a folder.
        merged: Worktrees whose branch was merged.
        older_s: Worktrees that were not used for this time, in seconds; None for none.
    """

    gone: bool = True
    merged: bool = False
    older_s: float | None = None


@value
class Decision:
    """Whether a worktree is pruned.

    Attributes:
        reasons: Why; empty if it is not.
        kept: Why it is not, though something speaks for it; empty if nothing does.
    """

    reasons: tuple[str, ...] = ()
    kept: str = ""


def decide(facts: PruneFacts, choice: Choice, now_s: float) -> Decision:
    """Whether a worktree is pruned.

    Args:
        facts: What is known of it.
        choice: What was asked for.
        now_s: The time, in seconds since 1970.
    """
    if facts.trouble:
        return Decision(kept=f"its folder cannot be seen: {facts.trouble}")
    if not facts.exists:
        if not choice.gone:
            return Decision()
        if facts.is_locked:
            return Decision(kept="its folder is gone, but git has it locked")
        return Decision(("its folder is gone",))
    reasons: list[str] = []
    kept = ""
    if choice.merged and facts.merge is not None:
        reason, kept = _judge_merge(facts.merge)
        reasons += [reason] if reason else []
    if choice.older_s is not None and facts.used_s is not None:
        unused_s = now_s - facts.used_s
        if unused_s >= choice.older_s:
            reasons.append(f"not used for {_days(unused_s)}")
    return Decision(tuple(reasons), "" if reasons else kept)


def _judge_merge(facts: MergeFacts) -> tuple[str, str]:
    """Why a branch counts as merged, or why it does not; the second only for a merged tip."""
    if facts.branch is None or not facts.default or facts.branch == facts.default:
        return "", ""
    if not (facts.is_contained or facts.request) or not facts.has_own_commit:
        return "", ""
    if not facts.is_clean:
        return "", f"{facts.branch} is merged, but has uncommitted changes"
    if facts.ahead:
        return "", f"{facts.branch} is merged, but has {facts.ahead} commits that are not pushed"
    if facts.is_contained:
        return f"{facts.branch} is merged into {facts.default}", ""
    return f"{facts.branch} is merged by request {facts.request}", ""


def _days(seconds: float) -> str:
    days = int(seconds // _DAY_S)
    if days:
        return f"{days} day{'s' if days != 1 else ''}"
    return duration_text(seconds // 60 * 60 if seconds >= 60 else seconds // 1)


def has_own_commit(reflog: str) -> bool:
    """Whether a commit was made on a branch, by the text of its reflog: gitrepository-layout(5).

    Each line ends with a tab and a message, such as `commit: fix` or `branch: Created from HEAD`.
    """
    for line in reflog.splitlines():
        message = line.partition("\t")[2]
        if message.partition(":")[0].partition(" ")[0] in _OWN:
            return True
    return False


def age_of(text: str) -> float | None:
    """The seconds of an age such as `14d`, or of a duration; None if the text is neither."""
    number = text.removesuffix("d")
    if number != text:
        return float(number) * _DAY_S if number.isascii() and number.isdecimal() else None
    return parse(text)
