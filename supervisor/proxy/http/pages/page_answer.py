"""Pure. A page as a whole HTTP/1.1 answer: HTML for browsers, plain text for programs."""

from http import HTTPStatus

from portweave.encoding.terminal_escapes import escaped
from portweave.supervisor.proxy.http.http1_heads import MARK
from portweave.supervisor.proxy.http.pages.page import Command, NameGroup, NameRow, Page


def render(page: Page, *, html: bool, body_wanted: bool = True, keep_alive: bool = True) -> bytes:
    """Render a page as a whole HTTP/1.1 answer, in bytes.

    Args:
        page: The content.
        html: True for a browser, False for plain text.
        body_wanted: False for the answer to HEAD.
        keep_alive: Whether the connection stays open.
    """
    body = (_html(page) if html else _text(page)).encode("utf-8", "replace")
    try:
        reason = HTTPStatus(page.status).phrase
    except ValueError:
        reason = "Error"
    fields = [
        f"HTTP/1.1 {page.status} {reason}",
        f"Content-Type: text/{'html' if html else 'plain'}; charset=utf-8",
        f"Content-Length: {len(body)}",
        "Cache-Control: no-store",
        "X-Content-Type-Options: nosniff",
        "Referrer-Policy: no-referrer",
    ]
    if html:
        from portweave.supervisor.proxy.http.pages.page_style import policy

        fields.append(f"Content-Security-Policy: {policy(has_script=page.has_script)}")
    if page.reload_s is not None:
        fields.append(f"Retry-After: {page.reload_s}")
    if page.location:
        fields.append(f"Location: {page.location}")
    if not keep_alive:
        fields.append("Connection: close")
    head = "\r\n".join(fields).encode("latin-1") + b"\r\n" + MARK + b"\r\n"
    return head + body if body_wanted else head


def _html(page: Page) -> str:
    from portweave.supervisor.proxy.http.pages.page_html import as_html

    return as_html(page)


def _text(page: Page) -> str:
    state = () if page.state is None else (page.state.sentence,)
    output = (f"Last line of its log: {page.output}",) if page.output else ()
    lines = [page.title, *state, *page.lines, *output]
    lines += _commands(page.next_steps)
    for group in page.groups:
        lines += _group(group)
    lines += _commands(page.other_steps)
    # It may end on a terminal.
    return escaped("".join(f"{line}\n" for line in lines))


def _commands(commands: tuple[Command, ...]) -> list[str]:
    return [f"{one.purpose}: {one.text}" for one in commands]


def _group(group: NameGroup) -> list[str]:
    about = ", ".join([*group.facts, group.folder] if group.folder else group.facts)
    title = f"{group.title} {about}" if about else group.title
    return [title, *(f"  {_row(row)}" for row in group.rows)]


def _row(row: NameRow) -> str:
    parts = [row.hostname, row.url]
    parts += [row.state.text] if row.state is not None else []
    return "  ".join(parts)
