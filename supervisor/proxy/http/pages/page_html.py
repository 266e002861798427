"""Pure. A page as HTML, in which every text from outside is escaped."""

from html import escape
from http import HTTPStatus

from portweave.supervisor.proxy.http.pages.page import Command, NameGroup, NameRow, Page, State
from portweave.supervisor.proxy.http.pages.page_style import SCRIPT, STYLE, icon


def as_html(page: Page) -> str:
    """The page as an HTML document."""
    reload = (
        "" if page.reload_s is None else f'<meta http-equiv="refresh" content="{page.reload_s}">'
    )
    tone = page.state.tone if page.state is not None else ""
    script = f"<script>{SCRIPT}</script>" if page.has_script else ""
    kind = ' class="wide"' if page.status == HTTPStatus.OK else ""
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f'{reload}<title>{escape(page.title)}</title><link rel="icon" href="{icon(tone)}">'
        f"<style>{STYLE}</style></head><body><main{kind}>"
        f"{_head(page)}{_output(page.output)}{_commands(page.next_steps)}{_groups(page)}"
        f"{_commands(page.other_steps)}{_facts(page.facts)}{_foot(page)}</main>{script}</body></html>\n"
    )


def _head(page: Page) -> str:
    pill = ""
    if page.state is not None:
        pill = f'<p class="pill {page.state.tone}">{_state(page.state)}</p>'
    lines = "".join(f"<p>{escape(line)}</p>" for line in page.lines)
    if page.reload_s is not None:
        lines += '<p class="muted">This page reloads by itself.</p>'
    return f'<div class="head">{pill}<h1>{escape(page.title)}</h1>{lines}</div>'


def _output(line: str) -> str:
    if not line:
        return ""
    return f"<section><h2>Last line of its log</h2><pre>{escape(line)}</pre></section>"


def _commands(commands: tuple[Command, ...]) -> str:
    found = "".join(map(_command, commands))
    return f"<section>{found}</section>" if found else ""


def _command(command: Command) -> str:
    text = escape(command.text)
    # The script shows the button.
    button = f'<button type="button" hidden aria-label="Copy {text}">Copy</button>'
    return (
        f'<div class="command"><span>{escape(command.purpose)}</span><code>{text}</code>'
        f"{button if command.is_whole else ''}</div>"
    )


def _groups(page: Page) -> str:
    return "".join(map(_group, page.groups))


def _group(group: NameGroup) -> str:
    facts = [*group.facts, group.folder] if group.folder else group.facts
    about = "".join(f"<span>{escape(fact)}</span>" for fact in facts)
    about = f'<p class="about">{about}</p>' if about else ""
    is_plain = all(row.state is None and row.port is None for row in group.rows)
    kind = ' class="plain"' if is_plain else ""
    return (
        f"<section><h2>{escape(group.title.removesuffix(':'))}</h2>"
        f"{about}"
        f"<ul{kind}>{''.join(map(_row, group.rows))}</ul></section>"
    )


def _row(row: NameRow) -> str:
    link = f'<a href="{escape(row.url)}">{escape(row.hostname)}</a>'
    if row.state is None and row.port is None:
        return f"<li>{link}</li>"
    port = "" if row.port is None else str(row.port)
    return f'<li>{link}{_word(row.state)}<span class="number">{port}</span></li>'


def _word(state: State | None) -> str:
    if state is None:
        return "<span></span>"
    return f'<span class="{state.tone}">{_state(state)}</span>'


def _state(state: State) -> str:
    """A state with its time, which the script counts on."""
    lead, time, tail = state.parts
    if state.since_s is None:
        return escape(lead)
    return f'{escape(lead)}<span data-s="{int(state.since_s)}">{time}</span>{tail}'


def _facts(facts: tuple[tuple[str, str], ...]) -> str:
    found = "".join(f"<dt>{escape(label)}</dt><dd>{escape(text)}</dd>" for label, text in facts)
    return f"<section><dl>{found}</dl></section>" if found else ""


def _foot(page: Page) -> str:
    links = "".join(f'<a href="{escape(url)}">{escape(text)}</a>' for text, url in page.links)
    status = "" if page.status == HTTPStatus.OK else f"{page.status} &middot; "
    return f'<footer>{links}<span class="status">{status}portweave</span></footer>'
