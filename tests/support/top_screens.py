"""`portweave top` with made-up stacks, and its screens as text.

A screen is compared with a file in `tests/integration/top/screens`. With PORTWEAVE_RENEW_SCREENS=1
in the environment the file is written anew instead.
"""

import asyncio
import os
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

from textual.app import App
from textual.pilot import Pilot

from portweave.panel.log_tail import Line
from portweave.top.feed import Event
from portweave.top.stack_rows import Stack
from portweave.top.top_app import TopApp
from portweave.top.verb_commands import Answer
from tests.support.repository import REPOSITORY

SCREENS = REPOSITORY / "tests/integration/top/screens"
SIZES = ((60, 20), (80, 24), (120, 40))


def row(name: str, state: str = "ready", **fields: object) -> dict[str, object]:
    """Return a service as the panel's watch reports it; one with a pid has run for three hours."""
    started = datetime.now(UTC) - timedelta(hours=3, minutes=10)
    return {
        "name": name,
        "instance": 1,
        "fullName": f"{name}-main",
        "state": state,
        "restarts": 0,
        "startedAt": started.isoformat() if fields.get("pid") else None,
        **fields,
    }


def stack(id_: str, *services: dict[str, object], **fields: object) -> dict[str, object]:
    """Return a stack as the panel's watch reports it."""
    return {
        "id": id_,
        "project": id_,
        "namespace": "main",
        "worktreeRoot": f"/home/ada/src/{id_}",
        "problem": None,
        "isKnown": True,
        "services": list(services),
        **fields,
    }


SHOP = stack(
    "shop",
    row(
        "web",
        pid=4001,
        port=3000,
        url="http://web.shop.localhost:1355",
        cpuPercent=41.5,
        rssBytes=150_000_000,
    ),
    row(
        "api",
        "backoff",
        port=3001,
        url="http://api.shop.localhost:1355",
        restarts=3,
        reason="exited with status 1: KeyError: 'x' (app.py:4); restart in 4 s",
    ),
    row("worker", "waiting", reason="waits for api to be ready"),
    row("db", pid=4002, port=3002, cpuPercent=0.4, rssBytes=1_240_000_000),
)
BLOG = stack(
    "blog",
    row("web", pid=4003, port=3010, cpuPercent=0.0, rssBytes=21_000_000),
    row("mailer", "stopped"),
)
SILENT = stack(
    "old",
    isKnown=False,
    problem="its supervisor does not answer: portweave 0.3.1 started it, not this version",
)


class Log:
    """A log with some lines, which are read once.

    Attributes:
        is_closed: Whether its reader has closed it.
    """

    def __init__(self, lines: Sequence[Line]) -> None:
        self._lines = list(lines)
        self.is_closed = False

    def read(self) -> list[Line]:
        """Return what was not read yet."""
        found, self._lines = self._lines, []
        return found

    def add(self, *lines: Line) -> None:
        """Print more."""
        self._lines += lines

    def close(self) -> None:
        """Note it."""
        self.is_closed = True


class FakeFeed:
    """What top shows.

    Attributes:
        log_lines: The lines of each log, by the instance; None is a stack's.
        logs: The logs that were opened.
        idle: The worktrees in which no stack runs.
        close: The stacks that top watches closely.
    """

    def __init__(self) -> None:
        self.log_lines: dict[str | None, list[Line]] = {}
        self.logs: list[Log] = []
        self.idle: tuple[Stack, ...] = ()
        self.close: frozenset[str] = frozenset()
        self._events: asyncio.Queue[list[Event]] = asyncio.Queue()

    def send(self, *events: Event) -> None:
        """Report events."""
        self._events.put_nowait(list(events))

    def send_stacks(self, *stacks: dict[str, object]) -> None:
        """Report all stacks."""
        self.send(("stacks", {"stacks": list(stacks)}))

    async def run(self, take: Callable[[Sequence[Event]], None]) -> None:
        """Pass events on."""
        while True:
            take(await self._events.get())

    def watch_closely(self, stacks: frozenset[str]) -> None:
        """Note it."""
        self.close = stacks

    def log(self, stack: Stack, instance: str | None, *, is_whole: bool) -> Log:
        """Return a log."""
        self.logs.append(Log(self.log_lines.get(instance, [])))
        return self.logs[-1]

    async def worktrees(self) -> tuple[Stack, ...]:
        """Return the worktrees in which no stack runs."""
        return self.idle


class FakeCommands:
    """Commands that only note that they were run.

    Attributes:
        run_words: The words of each command.
        answers: What a verb answers; an empty success where it is missing.
        attached: The services that the terminal was attached to.
    """

    def __init__(self) -> None:
        self.run_words: list[tuple[str, ...]] = []
        self.answers: dict[str, Answer] = {}
        self.attached: list[str] = []

    async def run(self, stack: Stack, words: tuple[str, ...], *, width: int = 80) -> Answer:
        """Note it."""
        self.run_words.append((stack.name, *words))
        return self.answers.get(words[0], Answer())

    async def attach(self, stack: Stack, instance: str) -> Answer:
        """Note it."""
        self.attached.append(instance)
        return self.answers.get("attach", Answer())


class Top:
    """A running top.

    Attributes:
        app: The program.
        feed: What it shows.
        commands: What it runs.
        pilot: Presses keys.
    """

    def __init__(self, app: TopApp, feed: FakeFeed, commands: FakeCommands, pilot: Pilot[int]):
        self.app, self.feed, self.commands, self.pilot = app, feed, commands, pilot

    async def press(self, *keys: str) -> None:
        """Press keys, and wait until what they do is drawn."""
        await self.pilot.press(*keys)
        await self.pilot.pause()

    async def show(self, *stacks: dict[str, object]) -> None:
        """Report all stacks, and wait until they are drawn."""
        self.feed.send_stacks(*stacks)
        await self.pilot.pause()

    async def wait_for(self, word: str) -> None:
        """Wait until a text is on the screen."""
        async with asyncio.timeout(10):
            while word not in self.text():
                await self.pilot.pause(0.01)

    def text(self) -> str:
        """Return the text on the screen."""
        return "\n".join(text for text, _ in screen_lines(self.app))

    def line(self, word: str) -> str:
        """Return the first line with a word; empty for none."""
        return next((line for line in self.text().splitlines() if word in line), "")


@asynccontextmanager
async def running_top(width: int = 80, height: int = 24) -> AsyncGenerator[Top]:
    """Run top without a terminal.

    Args:
        width: Columns of the screen.
        height: Lines of the screen.
    """
    feed, commands = FakeFeed(), FakeCommands()
    app = TopApp(feed, commands, home="/home/ada")
    async with app.run_test(size=(width, height), notifications=True) as pilot:
        await pilot.pause()
        yield Top(app, feed, commands, pilot)


def screen_lines(app: App[int]) -> list[tuple[str, list[tuple[int, int, str]]]]:
    """Return the lines of the screen: the text, and its styled parts as start, end and style."""
    found: list[tuple[str, list[tuple[int, int, str]]]] = []
    # Textual has no public way to read the screen.
    for strip in app.screen._compositor.render_strips():  # pyright: ignore
        text, parts = "", list[tuple[int, int, str]]()
        for segment in strip:
            style = "" if segment.style is None else described(segment.style)
            start, text = len(text), text + segment.text
            if not style or not segment.text:
                continue
            if parts and parts[-1][1:] == (start, style):
                parts[-1] = (parts[-1][0], len(text), style)
            else:
                parts.append((start, len(text), style))
        found.append((text.rstrip(), parts))
    return found


def described(style: object) -> str:
    """Return the words of a style, without the default colours of the terminal."""
    words = str(style).replace("on default", "").split()
    return " ".join(word for word in words if word not in ("none", "default", "not", "link"))


def check_screen(app: App[int], name: str) -> None:
    """Compare the screen with its file, or write the file anew.

    Args:
        app: The program.
        name: The name of the file, without the size.
    """
    lines = screen_lines(app)
    texts = [text for text, _ in lines]
    styles = [
        f"{number:>3}: " + "; ".join(f"{start}-{end} {style}" for start, end, style in parts)
        for number, (_, parts) in enumerate(lines, 1)
        if parts
    ]
    shown = "\n".join([*texts, "--- styles", *styles]) + "\n"
    path = SCREENS / f"{name}-{app.size.width}x{app.size.height}.txt"
    if os.environ.get("PORTWEAVE_RENEW_SCREENS") == "1":
        path.parent.mkdir(exist_ok=True)
        path.write_text(shown)
    assert path.read_text() == shown, f"{path.name} differs; PORTWEAVE_RENEW_SCREENS=1 renews it"
