"""Pure. The answers of tools: a summary as text, the facts as structure, both within a budget.

A client gives its model the text, the structure, or both. So the text holds what is needed to go
on, and is not the structure once more. Older clients know no structure; they get a longer text.
What does not fit is counted, with the way to get it.
"""

from portweave.client.verb_queries import instance_of, rows_of
from portweave.client.why_text import lines_of
from portweave.encoding.json_text import is_list, is_object
from portweave.encoding.text_style import plain
from portweave.errors import NoStackError
from portweave.mcp.answer_form import Answer, Form, compose, cut

TYPE_CHECKING = False  # `typing` costs as much as the work
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import TypeAlias

    Row: TypeAlias = Mapping[str, object]

_GOOD = ("ready", "completed")
_TROUBLE = ("failed", "blocked", "backoff", "unhealthy")
_ON_THE_WAY = ("starting", "waiting", "stopping")
_LONGEST_OUTPUT = 1000
# What an agent does about an error, in place of what a person would.
_TOOL_HINTS = {NoStackError.code: "the tool ensure starts the stack"}


def verdict_of(rows: "Sequence[Row]") -> str:
    """Return `ready`, `trouble`, `starting`, `stopped`, or `empty` for no service."""
    states = {str(row.get("state")) for row in rows}
    if not states:
        return "empty"
    for verdict, of in (("trouble", _TROUBLE), ("starting", _ON_THE_WAY)):
        if states.intersection(of):
            return verdict
    return "ready" if states.issubset(_GOOD) else "stopped"


def name_of(stack: "Row") -> str:
    """Return the name of a stack in the answer of `ps`, with its folder."""
    return f"{stack.get('project')}/{stack.get('namespace')} in {stack.get('worktreeRoot')}"


def stack_answer(
    form: Form, stack: "Row", rows: "Sequence[Row]", note: str = "", more: str = ""
) -> Answer:
    """Describe a stack.

    Args:
        form: Size and parts of the answer.
        stack: The answer of `ps`.
        rows: The services to show.
        note: What to say after the verdict; empty for nothing.
        more: Further lines of the text.
    """
    ordered = sorted(rows, key=lambda row: row.get("state") in _GOOD)
    verdict = verdict_of(rows)
    good = sum(row.get("state") in _GOOD for row in rows)
    told = f"{good} of {len(rows)} services ready" if verdict != "ready" else "all services ready"
    head = f"{name_of(stack)}: {told if rows else 'no services'}{note}"
    data: dict[str, object] = {
        "worktree": stack.get("worktreeRoot"),
        "stack": f"{stack.get('project')}/{stack.get('namespace')}",
        "verdict": verdict,
    }
    lines = [*filter(None, more.split("\n")), *(_service_line(row) for row in ordered)]
    items = [_service_item(row) for row in ordered]
    way = "status with their names in services shows them"
    return compose(form, head, lines, data, ("services", items), way)


def _service_item(row: "Row") -> "dict[str, object]":
    item: dict[str, object] = {"name": instance_of(row), "state": row.get("state")}
    for name in ("port", "url", "reason", "exitCode"):
        if name in ("port", "url") and not _listens(row):
            continue
        if (found := row.get(name)) is not None and found != "":
            item[name] = cut(found) if isinstance(found, str) else found
    if row.get("restarts"):
        item["restarts"] = row["restarts"]
    return item


def _listens(row: "Row") -> bool:
    """Whether a service may have something on its port."""
    return row.get("reason") != "no listener"


def _service_line(row: "Row") -> str:
    parts = [instance_of(row), str(row.get("state"))]
    if row.get("state") in (*_GOOD, *_ON_THE_WAY) and row.get("url") and _listens(row):
        parts.append(str(row["url"]))
    reason = row.get("reason")
    return " ".join(parts) + (f": {cut(str(reason))}" if reason else "")


def machine_answer(form: Form, worktree: str, stacks: "Sequence[Row]") -> Answer:
    """Describe all stacks of the machine.

    Args:
        form: Size and parts of the answer.
        worktree: The folder of the call.
        stacks: Answers of `ps`.
    """
    items: list[object] = []
    lines: list[str] = []
    for stack in stacks:
        rows = rows_of(stack.get("services"))
        bad = [
            f"{instance_of(row)} {row.get('state')}" for row in rows if row["state"] not in _GOOD
        ]
        verdict = verdict_of(rows)
        item = {"stack": f"{stack.get('project')}/{stack.get('namespace')}"}
        item |= {"worktree": str(stack.get("worktreeRoot")), "verdict": verdict}
        items.append({**item, "services": len(rows), "notReady": bad[:5]})
        lines.append(f"{name_of(stack)}: {cut(', '.join(bad) or verdict)}")
    count = len(stacks)
    head = f"{count} stack{'s run' if count != 1 else ' runs'} on this machine; yours: {worktree}"
    way = "status with worktree shows one"
    return compose(form, head, lines, {"worktree": worktree}, ("stacks", items), way)


def logs_answer(form: Form, worktree: str, found: "Row") -> Answer:
    """Give the answer of `logs --brief --json`.

    Args:
        form: Size and parts of the answer.
        worktree: The folder of the call.
        found: The answer.
    """
    lines = _texts(found.get("lines"))
    seen, errors = found.get("seen"), found.get("errors")
    seen = seen if is_object(seen) else {}
    errors = {name: n for name, n in (errors if is_object(errors) else {}).items() if n}
    counts = ", ".join(
        f"{name} {n}" + (f" ({errors[name]} of errors)" if name in errors else "")
        for name, n in list(seen.items())[:20]
    )
    head = f"{worktree}: {f'lines of {counts}' if counts else 'nothing new'}"
    head += f"\ncursor: {found.get('cursor')}"
    data: dict[str, object] = {"worktree": worktree, "cursor": found.get("cursor")}
    if errors:
        data["errors"] = errors
    way = "call again with services, grep or more tokens"
    # The first errors stand first, then the newest lines.
    return compose(form, head, lines, data, ("lines", lines), way)


def why_answer(form: Form, worktree: str, rows: "Sequence[Row]", now_s: float) -> Answer:
    """Give the answer of `why --json`.

    Args:
        form: Size and parts of the answer.
        worktree: The folder of the call.
        rows: A row for each service.
        now_s: The time, in seconds since the epoch.
    """
    lines: list[str] = []
    items: list[object] = []
    for row in rows:
        for line in lines_of(row, now_s=now_s, good_age=None):
            text = cut(" " * line.indent + plain(line.parts))
            lines += [text] if text.strip() else []
        changed = _texts(row.get("changedFiles"))
        if changed:
            lines.append(f"changed since it was last ready: {', '.join(changed[:10])}")
        cause = row.get("cause")
        cause = cause if is_object(cause) else {}
        item: dict[str, object] = {"name": instance_of(row), "state": row.get("state")}
        for name in ("kind", "text", "hint", "place"):
            if cause.get(name):
                item["cause" if name == "text" else name] = _short(cause[name])
        if is_list(chain := row.get("chain")) and len(chain) > 1:
            item["waitsFor"] = chain[1:]
        if changed:
            item["changedFiles"] = changed[:20]
        items.append({**item, "lastLines": _texts(row.get("lastLines"))[-10:]})
    if not rows:
        head = f"{worktree}: no service is in trouble"
    else:
        head = f"{worktree}: why {', '.join(instance_of(row) for row in rows)}"
    way = "name a service, or ask for more tokens"
    return compose(form, head, lines, {"worktree": worktree}, ("services", items), way)


def settle_answer(form: Form, worktree: str, found: "Row") -> Answer:
    """Give the answer of `settle --json`.

    Args:
        form: Size and parts of the answer.
        worktree: The folder of the call.
        found: The answer.
    """
    verdict, cursor = found.get("verdict"), found.get("cursor")
    data: dict[str, object] = {"worktree": worktree, "verdict": verdict}
    for name in ("reaction", "waitedS", "changed", "cursor"):
        if found.get(name) is not None:
            data[name] = _short(found[name])
    lines: list[str] = []
    items: list[object] = []
    for row in rows_of(found.get("services")):
        told = _settled_lines(row)
        if told or row.get("state") not in _GOOD or row.get("reaction") not in (None, "none"):
            kept = {name: part for name, part in row.items() if part not in (None, [], 0, "none")}
            items.append(_short(kept))
        lines += [cut(line) for line in told]
    head = f"{worktree}: {verdict}"
    changed = found.get("changed")
    if is_object(changed):
        head += f"; {cut(str(changed.get('file')))} changed"
    if found.get("reaction") == "none":
        head += "; no service reacted"
    head += f"\ncursor: {cursor}"
    return compose(form, head, lines, data, ("services", items), "logs and why show more")


def _settled_lines(row: "Row") -> list[str]:
    """Return the news of a service, in the words of `portweave settle`."""
    name = instance_of(row)
    lines: list[str] = []
    for change in rows_of(row.get("changes")):
        reason = f": {change['reason']}" if change.get("reason") else ""
        lines.append(f"{name} {change.get('previous')} → {change.get('state')}{reason}")
    for error in rows_of(row.get("errors")):
        place = f" ({error['place']})" if error.get("place") else ""
        lines.append(f"{name} | {error.get('message')}{place}")
        lines += [f"{name} |   {line}" for line in _texts(error.get("lines"))]
    if row.get("waits"):
        lines.append(f"{name} {row['waits']}")
    elif row.get("broken") and not row.get("errors"):
        lines.append(f"{name} still has: {row['broken']}")
    elif not lines and row.get("state") not in _GOOD:
        lines.append(_service_line(row))
    return lines


def acted_answer(
    form: Form, worktree: str, did: str, rows: "Sequence[Row]", notes: "Sequence[str]"
) -> Answer:
    """Tell what `control` has done.

    Args:
        form: Size and parts of the answer.
        worktree: The folder of the call.
        did: What it did, as a past participle.
        rows: The services.
        notes: Further lines of the text.
    """
    names = ", ".join(instance_of(row) for row in rows)
    head = f"{worktree}: {did} {names}".rstrip()
    lines = [*notes, *(_service_line(row) for row in rows)]
    items = [_service_item(row) for row in rows]
    data: dict[str, object] = {"worktree": worktree, "did": did}
    return compose(form, head, lines, data, ("services", items), "status shows all services")


def exec_answer(form: Form, worktree: str, status: int | None, lines: "Sequence[str]") -> Answer:
    """Give what a command printed.

    Args:
        form: Size and parts of the answer.
        worktree: The folder of the call.
        status: Its exit status; None if its time was up.
        lines: What it printed.
    """
    ended = "its time was up, and it was ended" if status is None else f"exit status {status}"
    head = f"{worktree}: {ended}"
    data: dict[str, object] = {"worktree": worktree, "exitStatus": status}
    way = "ask for more tokens, or write the output to a file"
    lines = [cut(line, min(_LONGEST_OUTPUT, form.budget_bytes // 4)) for line in lines]
    found = compose(form, head, lines, data, ("output", lines), way, newest=True)
    output = found.data.get("output")
    text = "\n".join(_texts(output)) if is_list(output) else ""
    return Answer(found.text, {**found.data, "output": text}, status != 0)


def error_answer(form: Form, worktree: str, error: "Row") -> Answer:
    """Tell an error of portweave.

    Args:
        form: Size and parts of the answer.
        worktree: The folder of the call.
        error: Its `code`, `message` and `hint`.
    """
    message, hint = str(error.get("message", "")), str(error.get("hint", ""))
    hint = _TOOL_HINTS.get(str(error.get("code")), hint)
    first, *rest = message.split("\n")
    first = cut(first, min(600, form.budget_bytes // 6))
    lines = [*(f"hint: {line}" for line in hint.split("\n") if line), *rest]
    lines.append(f"worktree: {worktree}")
    told: dict[str, object] = {"code": error.get("code"), "message": first}
    data: dict[str, object] = {"worktree": worktree, "error": told}
    items = [cut(line) for line in hint.split("\n") if line]
    head = f"{error.get('code')}: {first}"
    lines = [cut(line) for line in lines]
    return compose(
        form, head, lines, data, ("hints", items), "logs and why show more", is_error=True
    )


def _short(item: object) -> object:
    """Return a value whose texts are cut."""
    if isinstance(item, str):
        return cut(item)
    if is_object(item):
        return {name: _short(part) for name, part in item.items()}
    return [_short(part) for part in item[:20]] if is_list(item) else item


def _texts(found: object) -> list[str]:
    return [cut(str(line)) for line in found] if is_list(found) else []
