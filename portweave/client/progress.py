"""Report each service once when it becomes ready or completes, and whatever else happens to it."""

import sys
import time

from portweave.client.verb_queries import (
    instance_of,
    say,
)
from portweave.encoding.json_text import is_object
from portweave.encoding.timestamps import parse

TYPE_CHECKING = False  # `typing` costs as much as the work
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from portweave.encoding.colours import Style
    from portweave.encoding.text_style import Span


class Progress:
    """Reports services while they start, on stderr.

    Args:
        services: All services of the stack, in the order of the definitions, for their colours.
        names: The instances that are reported.
        style: How a terminal shows them; None for plain lines.
        tells_blocked: Whether to report what another service blocks. An error at the end does.
    """

    def __init__(
        self,
        services: "Iterable[str]" = (),
        names: "Iterable[str]" = (),
        style: "Style | None" = None,
        *,
        tells_blocked: bool = True,
    ) -> None:
        self._reported: set[str] = set()
        self._style = style if sys.stderr.isatty() else None
        self._tells_blocked = tells_blocked
        if self._style is not None:
            from portweave.supervisor.logs.name_column import NameColumn

            self._column = NameColumn(
                names, self._style.names, self._style.marks, is_short=True, services=services
            )

    def take(self, event: object) -> None:
        """Report an event from the supervisor."""
        if is_object(event) and (text := event.get("text")):
            if event.get("state") in ("ready", "completed", "failed"):
                self._reported.add(str(event.get("fullName")))
            self._report(event, str(text))

    def report_rest(self, rows: "Sequence[Mapping[str, object]]") -> None:
        """Report what happened to services before the supervisor sent events."""
        for row in rows:
            if row.get("fullName") in self._reported:
                continue
            if (state := row.get("state")) in ("ready", "completed"):
                port = row.get("port") if state == "ready" and not row.get("reason") else None
                where = f" on {port}" if port else ""
                text = f"{instance_of(row)} {state}{where}{_noted(row)}"
                self._report({**row, "restarts": 0, "text": text}, text)
            elif state == "failed" and self._style is not None:
                # On a pipe, the error at the end has the reason.
                self._report({**row, "text": state}, "failed")

    def _report(self, event: "Mapping[str, object]", text: str) -> None:
        if self._style is None:
            say(text)
            return
        from portweave.supervisor.reporting.state_lines import event_line

        if event.get("state") == "blocked" and not self._tells_blocked:
            return
        name = instance_of(event)
        if (line := event_line(event, name, self._style.marks)) is not None:
            self._show((*self._column.head(name), *line.shown), self._style)

    def report_urls(self, rows: "Sequence[Mapping[str, object]]") -> None:
        """Show the URLs of services with names once more, on a terminal."""
        if self._style is None:
            return
        from portweave.supervisor.reporting.state_lines import url_lines

        named = [
            (instance_of(row), url)
            for row in rows
            if isinstance(url := row.get("url"), str) and not url.startswith("http://127.0.0.1:")
        ]
        for line in url_lines(named, self._style.marks, self._column.head):
            self._show(line, self._style)

    def _show(self, line: "Iterable[str | Span]", style: "Style") -> None:
        from portweave.encoding.terminal_escapes import write_rendered
        from portweave.encoding.text_style import render

        write_rendered(f"{render(line, colour=style.words)}\n", sys.stderr)
        sys.stderr.flush()


def _noted(row: "Mapping[str, object]") -> str:
    """Return how long an instance took to become ready, and the remark on it, in brackets."""
    now_s = time.time()
    began_s, ready_s = (parse(str(row.get(key)), now_s) for key in ("startedAt", "readyAt"))
    notes = [str(row["reason"])] if row.get("reason") else []
    if began_s is not None and ready_s is not None:
        notes.insert(0, f"{ready_s - began_s:.1f} s")
    return f" ({', '.join(notes)})" if notes else ""
