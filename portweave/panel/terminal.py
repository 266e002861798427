"""`portweave top`: the panel in a terminal."""

import curses
import locale
import time
from collections import deque
from collections.abc import Mapping

import anyio
from anyio import to_thread
from anyio.abc import TaskGroup

from portweave.errors import PortweaveError
from portweave.panel.actions import Actions
from portweave.panel.log_tail import Tail
from portweave.panel.top_lines import (
    Line,
    apply_event,
    cells_of,
    column_names,
    fitted,
    heading,
    lines,
    moved_selection,
    name_width,
    window,
    wrapped,
)
from portweave.panel.watch import Watch, Watcher
from portweave.panel.worktrees import Worktrees
from portweave.supervisor.logs.line_splitter import plain_text
from portweave.system.interrupts import (
    at_end,
    clear_at_end,
)

_TICK_S = 0.25
_LOG_LINES = 500
_HELP = "↑↓ choose  enter log  r restart  s stop/start  l show/hide log  q quit"
_COLOURS = {
    "good": curses.COLOR_GREEN,
    "busy": curses.COLOR_BLUE,
    "warn": curses.COLOR_YELLOW,
    "bad": curses.COLOR_RED,
}
_QUIT = frozenset({ord("q"), 27})
_ENTER = frozenset({10, 13, curses.KEY_ENTER})
_STEPS = {
    curses.KEY_UP: -1,
    ord("k"): -1,
    curses.KEY_DOWN: 1,
    ord("j"): 1,
    curses.KEY_PPAGE: -10,
    curses.KEY_NPAGE: 10,
    curses.KEY_HOME: -(1 << 20),
    curses.KEY_END: 1 << 20,
}


def run(environ: Mapping[str, str]) -> None:
    """Show the screen until q is pressed.

    Args:
        environ: Names the configuration and state folders.
    """
    # Without a locale curses takes each byte of a name for a character.
    locale.setlocale(locale.LC_ALL, "")
    # Escape leaves the view. Curses would wait a second for the rest of an escape sequence.
    curses.set_escdelay(25)
    at_end(curses.endwin)
    try:
        curses.wrapper(lambda window: anyio.run(_Top(window, environ).run))
    finally:
        clear_at_end()


class _Top:
    """The screen.

    Args:
        screen: The curses window.
        environ: Names the configuration and state folders.
    """

    def __init__(self, screen: "curses.window", environ: Mapping[str, str]) -> None:
        self._screen = screen
        self._worktrees = Worktrees(environ)
        self._actions = Actions(environ, self._worktrees)
        self._watch = Watch(environ, self._worktrees.mark)
        self._stacks: dict[str, dict[str, object]] = {}
        self._lines: list[Line] = []
        self._names = 0
        self._selected: tuple[str, str] | None = None
        self._tail: tuple[tuple[str, str], Tail] | None = None
        self._log: deque[str] = deque(maxlen=_LOG_LINES)
        self._has_log, self._is_whole = True, False
        self._message = _HELP
        self._styles = _styles()

    async def run(self) -> None:
        """Show the screen until q is pressed."""
        self._screen.nodelay(True)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._watch.run)
            async with self._watch.watching() as watcher:
                tasks.start_soon(self._receive, watcher)
                while self._handle_keys(tasks):
                    await self._read_log()
                    self._draw()
                    with anyio.move_on_after(_TICK_S):
                        await anyio.wait_readable(0)
            tasks.cancel_scope.cancel()

    async def _receive(self, watcher: Watcher) -> None:
        while True:
            for kind, data in await watcher.pending(3600):
                apply_event(self._stacks, kind, data)
            self._watch.show_open(watcher, frozenset(self._stacks))

    def _handle_keys(self, tasks: TaskGroup) -> bool:
        """Handle all pressed keys; return whether to go on."""
        stacks = list(self._stacks.values())
        self._names = name_width(stacks, self._screen.getmaxyx()[1])
        self._lines = lines(stacks, time.time(), self._names)
        self._selected = moved_selection(self._lines, self._selected, 0)
        while (key := self._screen.getch()) >= 0:
            if key in _QUIT:
                if key != 27 or not self._is_whole:
                    return False
                self._is_whole = False
            elif key in _STEPS:
                self._selected = moved_selection(self._lines, self._selected, _STEPS[key])
            elif key in _ENTER:
                self._is_whole = not self._is_whole
            elif key == ord("l"):
                self._has_log = not self._has_log
            elif key in (ord("r"), ord("s")) and self._selected is not None:
                is_up = any(line.is_up for line in self._lines if line.service == self._selected)
                action = "restart" if key == ord("r") else "stop" if is_up else "start"
                tasks.start_soon(self._act, action, *self._selected)
        return True

    async def _act(self, action: str, id_: str, instance: str) -> None:
        self._message = f"{instance}: {action} …"
        try:
            known = (await to_thread.run_sync(self._worktrees.known)).get(id_)
            if known is not None:
                await self._actions.ask(known, f"/supervisor/{action}", [instance])
            self._message = _HELP
        except PortweaveError as error:
            self._message = f"{instance}: {error.message}"

    async def _read_log(self) -> None:
        if self._tail is not None and self._tail[0] != self._selected:
            self._tail[1].close()
            self._tail = None
            self._log.clear()
        if self._selected is None:
            return
        if self._tail is None:
            stack = self._stacks.get(self._selected[0], {})
            root, namespace = str(stack.get("worktreeRoot")), str(stack.get("namespace"))
            tail = Tail(root, namespace, (self._selected[1],), last=_LOG_LINES)
            self._tail = (self._selected, tail)
        for _, _, _, text in await to_thread.run_sync(self._tail[1].read):
            self._log.append(plain_text(text.encode("utf-8", "replace")))

    def _draw(self) -> None:
        screen = self._screen
        screen.erase()
        height, width = screen.getmaxyx()
        self._put(0, heading(list(self._stacks.values())).text.ljust(width), curses.A_REVERSE)
        log_height = 0
        if self._is_whole:
            log_height = height - 2
        elif self._has_log and height > 10:
            log_height = height // 3
        rest = height - 3 - log_height
        if not self._is_whole:
            self._put(1, column_names(self._names), curses.A_BOLD)
            self._draw_services(2, rest)
        if log_height > 0 and self._selected is not None:
            top = height - 1 - log_height
            why = next(
                (f": {x.why}" for x in self._lines if x.service == self._selected and x.why), ""
            )
            title = fitted(f"── {self._selected[1]}{why} ", width)
            self._put(top, title + "─" * (width - cells_of(title)), curses.A_DIM)
            for index, text in enumerate(self._shown(log_height - 1, width)):
                self._put(top + 1 + index, text)
        self._put(height - 1, self._message.ljust(width), curses.A_REVERSE)
        screen.refresh()

    def _shown(self, height: int, width: int) -> list[str]:
        """Return the last lines of the log that fit, wrapped where only the log is shown."""
        found: deque[str] = deque(maxlen=max(0, height))
        for text in list(self._log)[-height:] if height > 0 else ():
            found.extend(wrapped(text, width) if self._is_whole else (fitted(text, width),))
        return list(found)

    def _draw_services(self, top: int, height: int) -> None:
        if not self._lines:
            self._put(top + 1, "  No stack is running. portweave up starts one.")
        at = next((i for i, line in enumerate(self._lines) if line.service == self._selected), 0)
        for row, index in enumerate(window(len(self._lines), max(0, height), at)):
            line = self._lines[index]
            style = self._styles.get(line.tone, curses.A_NORMAL)
            if line.service is not None and line.service == self._selected:
                style |= curses.A_REVERSE
            self._put(top + row, line.text, style)

    def _put(self, row: int, text: str, style: int = curses.A_NORMAL) -> None:
        height, width = self._screen.getmaxyx()
        if not 0 <= row < height:
            return
        try:
            self._screen.addstr(row, 0, fitted(text, width), style)
        except curses.error:
            # Curses writes into the last cell of the screen, and then reports an error.
            return


def _styles() -> dict[str, int]:
    styles = {"stack": curses.A_BOLD}
    if curses.has_colors():
        curses.use_default_colors()
        for number, (tone, colour) in enumerate(_COLOURS.items(), 1):
            curses.init_pair(number, colour, -1)
            styles[tone] = curses.color_pair(number)
    return styles
