"""`portweave prune --all`: release the ports of worktrees that are not needed any more."""

import os
import sys

from portweave import errors
from portweave.cli.confirm import agrees
from portweave.client.verb_queries import say
from portweave.encoding.terminal_escapes import escaped
from portweave.maintenance.prune_rules import Choice, age_of
from portweave.maintenance.pruning import (
    KnownWorktree,
    find_worktrees,
    prune,
    tear_down,
    teardown_lines,
)

TYPE_CHECKING = False  # `typing` costs as much as the work
if TYPE_CHECKING:
    from portweave.arguments.args import Args


def prune_all(args: "Args", timeout_s: float) -> int:
    """Show the worktrees that are chosen, ask, and prune them.

    Args:
        args: The command line.
        timeout_s: How long a stack may take to end, in seconds.

    Raises:
        PortweaveError: A stack did not end, or the registry cannot be written.
        PruneUnaskedError: There is no terminal to ask at.
        UsageError: An option has a wrong value.
    """
    choice = _choice(args)
    is_dry, as_json = args.flag("dry_run"), args.flag("json")
    known = find_worktrees(os.environ, choice, _last_uses(choice))
    chosen = [one for one in known if one.decision.reasons]
    kept = [one for one in known if one.decision.kept]
    if not as_json or not is_dry:
        _show(chosen, kept)
    pruned: list[KnownWorktree] = []
    failures: list[errors.PortweaveError] = []
    agreed = True
    if chosen and not is_dry:
        agreed = args.flag("yes") or _agrees()
        if agreed:
            pruned, failures = _prune(chosen, timeout_s)
            tear_down(pruned, os.environ, say)
        else:
            say("nothing was pruned")
    if as_json:
        import json

        fields = {
            "schemaVersion": 1,
            "dryRun": is_dry,
            "pruned": [one.as_json() for one in (chosen if is_dry else pruned)],
            "kept": [
                {"worktreeRoot": one.root, "namespace": one.namespace, "why": one.decision.kept}
                for one in kept
            ],
        }
        print(json.dumps(fields, ensure_ascii=False, indent=2))  # noqa: T201
    for failure in failures[:-1]:
        say(failure.message, is_error=True)
    if failures:
        raise failures[-1]
    return 0 if agreed else 1


def _choice(args: "Args") -> Choice:
    older = args.text("older")
    older_s = None if older is None else age_of(older)
    if older is not None and not older_s:
        raise errors.UsageError(f"--older takes an age such as 14d or 12h, received {older!r}")
    merged = args.flag("merged")
    gone = args.flag("gone") or not (merged or older_s)
    return Choice(gone=gone, merged=merged, older_s=older_s)


def _last_uses(choice: Choice) -> dict[str, float]:
    """When running stacks were last used, in seconds since 1970, by their tags."""
    if choice.older_s is None:
        return {}
    from datetime import datetime

    from portweave.client.client import all_stacks
    from portweave.client.lifetimes import ask_each

    answers = ask_each(all_stacks(os.environ), "/supervisor/lifetime")
    return {
        tag: datetime.fromisoformat(stamp).timestamp()
        for tag, answer in answers.items()
        if isinstance(stamp := answer.get("lastUsedAt"), str)
    }


def _show(chosen: list[KnownWorktree], kept: list[KnownWorktree]) -> None:
    if chosen:
        say("to be pruned (ports are released; files and branches stay):")
    else:
        say("there is nothing to prune")
    for one in chosen:
        state = ", its stack is stopped" if one.stack is not None else ""
        say(f"  {_name(one)}: {', '.join(one.decision.reasons)}{state}")
    for line in teardown_lines(chosen, os.environ):
        say(f"  {escaped(line)}")
    for one in kept:
        say(f"stays: {_name(one)}: {one.decision.kept}")


def _name(one: KnownWorktree) -> str:
    return escaped(f"{one.project}/{one.namespace} ({one.root})")


def _agrees() -> bool:
    if not sys.stdin.isatty():
        raise errors.PruneUnaskedError
    return agrees()


def _prune(
    chosen: list[KnownWorktree], timeout_s: float
) -> tuple[list[KnownWorktree], list[errors.PortweaveError]]:
    """Prune worktrees; return those that were pruned, and why the others were not."""
    pruned: list[KnownWorktree] = []
    failures: list[errors.PortweaveError] = []
    for one in chosen:
        try:
            prune(one, os.environ, timeout_s)
        except errors.PortweaveError as error:
            failures.append(error)
        else:
            pruned.append(one)
            say(f"pruned {_name(one)}")
    return pruned, failures
