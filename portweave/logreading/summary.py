"""Summarise logs: what matters in them, in few words."""

from portweave.logreading.query import (
    Query,
    Source,
    merged,
)
from portweave.supervisor.logs.cursor import pack
from portweave.supervisor.logs.line_splitter import plain_text
from portweave.supervisor.logs.summary import Summarizer

TYPE_CHECKING = False  # importing `typing` takes as long as the work
if TYPE_CHECKING:
    from collections.abc import Sequence


def summarise(
    sources: "Sequence[Source]", query: Query, budget_tokens: int, *, as_json: bool
) -> str:
    """Return a summary of the queried lines, and a cursor to the end of them.

    Args:
        sources: Instances of one worktree.
        query: The query.
        budget_tokens: The largest size of the summary, in tokens.
        as_json: Whether to return a JSON object instead of text.
    """
    briefer = Summarizer(budget_tokens)
    for source, block in merged(sources, query, follow=True):
        for line in block.lines[:-1].split(b"\n"):
            briefer.feed(source.name, plain_text(line))
    for source in sources:
        if source.reading is not None:
            # An unfinished line is included: a prompt has no line end.
            for block in source.reading.pending():
                briefer.feed(source.name, plain_text(block.lines))
    # The cursor keeps the positions of instances that were not queried.
    places = dict(query.after or {})
    for source in sources:
        if source.reading is not None:
            place = source.reading.place
            places[source.log.instance] = (place.segment, place.record)
    summary, cursor = _summary(briefer), f"cursor: {pack(places)}"
    lines = briefer.close(len(summary) + len(cursor) + 2)
    if as_json:
        return _as_object(briefer, lines, pack(places))
    return "\n".join([summary, *lines, cursor])


def _summary(briefer: Summarizer) -> str:
    parts: list[str] = []
    for name in sorted(briefer.seen):
        errors, count = briefer.errors.get(name, 0), briefer.seen[name]
        about = f" ({errors:,} of errors)" if errors else ""
        parts.append(f"{name} {count:,} line{'s' if count != 1 else ''}{about}")
    return ", ".join(parts) or "nothing new"


def _as_object(briefer: Summarizer, lines: list[str], cursor: str) -> str:
    import json

    fields = {
        "schemaVersion": 1,
        "lines": lines,
        "seen": briefer.seen,
        "errors": briefer.errors,
        "cursor": cursor,
    }
    return json.dumps(fields, ensure_ascii=False, indent=2)
