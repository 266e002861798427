"""The screen of `top`: all stacks and services, and what the keys do with them."""

import time
from collections.abc import Sequence
from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.events import Resize
from textual.screen import Screen
from textual.timer import Timer
from textual.widgets import Input, Label

from portweave.encoding.terminal_escapes import escaped
from portweave.encoding.text_style import Span
from portweave.top.action_rules import (
    Command,
    Refusal,
    command_for,
    services_to_explain,
)
from portweave.top.command_answer import Failure, environment_lines
from portweave.top.dialogs import INTERRUPT, ConfirmScreen, HelpScreen, TextScreen
from portweave.top.feed import Event, Feed
from portweave.top.key_table import LIST_KEYS
from portweave.top.line_fitting import fitted
from portweave.top.line_widgets import KeyLine, TextLine
from portweave.top.list_columns import Column, columns_for
from portweave.top.list_lines import ListLine, ListView, Spans, list_lines
from portweave.top.log_preview import LogPreview
from portweave.top.log_screen import LogScreen
from portweave.top.row_filter import filtered_stacks
from portweave.top.running_app import app_of
from portweave.top.sort_orders import ORDERS, sorted_stacks
from portweave.top.stack_list import StackList
from portweave.top.stack_rows import Service, Stack, apply_event
from portweave.top.status_lines import (
    column_at,
    detail_spans,
    heading_spans,
    title_spans,
)
from portweave.top.verb_commands import Answer, Commands

# Each runs a command of portweave for the selected row.
_COMMANDS = frozenset({"open", "restart", "toggle", "kill", "up", "down"})
# In a lower screen the list needs all lines.
_PREVIEW_HEIGHT = 28
# Ages below a minute change each second, others rarely.
_YOUNG_S, _TICK_S, _REST_S = 60.0, 1.0, 15.0
_EMPTY = (
    "No stack is running. portweave up starts one in its worktree.",
    "i shows the worktrees that portweave knows; u starts one of them.",
)


def _binding_of(action: str) -> str:
    return f"act('{action}')" if action in _COMMANDS else action


class ListScreen(Screen[None]):
    """All stacks.

    Args:
        feed: Where the data comes from.
        commands: Runs commands.
        home: The user's home folder.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        *(
            # The key of the filter comes first: those typed behind it belong to the filter.
            Binding(row.keys, _binding_of(row.action), show=False, priority=row.action == "filter")
            for row in LIST_KEYS
        ),
        INTERRUPT,
        Binding("left", "fold(True)", show=False),
        Binding("right", "fold(False)", show=False),
    ]

    def __init__(self, feed: Feed, commands: Commands, *, home: str) -> None:
        super().__init__()
        self._feed, self._commands, self._home = feed, commands, home
        self._stacks: dict[str, Stack] = {}
        self._worktrees: tuple[Stack, ...] = ()
        self._shows_worktrees = False
        self._shown: dict[str, Stack] = {}
        self._columns: tuple[Column, ...] = ()
        self._order = ORDERS[0]
        self._folded: frozenset[str] = frozenset()
        self._is_loaded = False
        self._wants_preview: bool | None = None
        # What commands do at present, by a number.
        self._doing: dict[int, str] = {}
        self._drawn_s = 0.0
        self._has_seconds = False
        self._ticks: Timer | None = None

    def compose(self) -> ComposeResult:
        """Make the widgets."""
        yield TextLine(id="title")
        yield TextLine(id="heading")
        yield StackList(id="list")
        yield LogPreview(self._feed, id="preview")
        yield TextLine(id="detail")
        yield KeyLine(LIST_KEYS, id="keys")
        with Horizontal(id="filter", classes="prompt"):
            yield Label("/")
            yield Input(compact=True, select_on_focus=False)

    def on_mount(self) -> None:
        """Begin to follow the stacks."""
        self._filter_line.display = False
        self._preview.display = False
        self.set_focus(self._list)
        self.run_worker(self._feed.run(self.take), group="feed")
        self.set_interval(_TICK_S, self._tick)

    def on_resize(self, event: Resize) -> None:
        """Lay the list out anew."""
        self._place_preview()
        self.draw()

    # What is shown

    def take(self, events: Sequence[Event]) -> None:
        """Apply events of the feed."""
        for kind, data in events:
            apply_event(self._stacks, kind, data)
            if kind in ("worktrees", "gone", "stacks") and self._shows_worktrees:
                self.run_worker(self._find_worktrees(), group="worktrees", exclusive=True)
            self._is_loaded = self._is_loaded or kind == "stacks"
        self.draw()

    def draw(self) -> None:
        """Draw what has changed."""
        self._drawn_s = time.time()
        stacks = list(self._stacks.values())
        idle = [one for one in self._worktrees if one.id not in self._stacks]
        listed = [*stacks, *(idle if self._shows_worktrees else ())]
        shown = sorted_stacks(filtered_stacks(listed, self._sought), self._order)
        self._shown = {stack.id: stack for stack in shown}
        services = [one for stack in shown for one in stack.services]
        # The last column of the screen is the scrollbar's, whether it is there or not.
        width = max(1, self.size.width - 1)
        self._columns = columns_for(
            width,
            max((len(one.name) for one in services), default=0),
            max((len(one.url) for one in services), default=0),
        )
        view = ListView(self._columns, width, self._drawn_s, self._folded, self._home)
        lines = list_lines(shown, view) or self._nothing()
        self._list.show(lines)
        self._feed.watch_closely(frozenset(self._list.items_in_view()))
        self._has_seconds = any(
            one.next_try_s is not None
            or (one.started_s is not None and self._drawn_s - one.started_s < _YOUNG_S)
            for one in services
        )
        self._title.show(lambda width: title_spans(listed, self._order, self._sought, width))
        self._heading.show(lambda width: heading_spans(self._columns, self._order))
        self._show_detail()
        self._preview.follow(*self._selection())

    def _nothing(self) -> list[ListLine]:
        if not self._is_loaded:
            texts: tuple[str, ...] = ("Looking for stacks …",)
        elif self._sought:
            texts = ("Nothing fits the filter. Esc clears it.",)
        else:
            texts = _EMPTY
        return [ListLine((Span(f"  {text}" if text else "", "dim"),)) for text in ("", *texts)]

    def _tick(self) -> None:
        if self._has_seconds or time.time() - self._drawn_s > _REST_S:
            self.draw()

    def _show_detail(self) -> None:
        stack, service = self._selection()

        def compose(width: int) -> Spans:
            if self._doing:
                text = ", ".join(self._doing.values())
                return (Span(fitted(f"{text} …", width), "starting"),)
            return detail_spans(stack, service, width)

        self.query_one("#detail", TextLine).show(compose)

    def _place_preview(self) -> None:
        wanted = self._wants_preview
        shown = self.size.height >= _PREVIEW_HEIGHT if wanted is None else wanted
        if self._preview.display != shown:
            self._preview.display = shown

    async def _find_worktrees(self) -> None:
        self._worktrees = await self._feed.worktrees()
        self.draw()

    # Parts

    @property
    def _title(self) -> TextLine:
        return self.query_one("#title", TextLine)

    @property
    def _heading(self) -> TextLine:
        return self.query_one("#heading", TextLine)

    @property
    def _list(self) -> StackList:
        return self.query_one("#list", StackList)

    @property
    def _preview(self) -> LogPreview:
        return self.query_one("#preview", LogPreview)

    @property
    def _filter_line(self) -> Horizontal:
        return self.query_one("#filter", Horizontal)

    @property
    def _sought(self) -> str:
        return self.query_one(Input).value

    def _selection(self) -> tuple[Stack | None, Service | None]:
        item = self._list.selected
        stack = None if item is None else self._shown.get(item[0])
        if item is None or stack is None:
            return None, None
        return stack, next((one for one in stack.services if one.name == item[1]), None)

    # Events

    def on_stack_list_selected(self) -> None:
        """Show the details and the log of what is selected now."""
        self._show_detail()
        self._preview.follow(*self._selection())

    def on_stack_list_opened(self) -> None:
        """Do what Enter does."""
        self.action_act("open")

    def on_text_line_pressed(self, event: TextLine.Pressed) -> None:
        """Sort by the clicked column."""
        column = column_at(self._columns, event.x)
        if event.line.id == "heading" and column is not None and column.order:
            self._order = column.order
            self.draw()

    def on_key_line_key_pressed(self, event: KeyLine.KeyPressed) -> None:
        """Do what the clicked key does."""
        self.run_worker(self.run_action(_binding_of(event.row.action)), group="keys")

    def on_input_changed(self, event: Input.Changed) -> None:
        """Filter while the user types."""
        self.draw()
        if event.value:
            self._list.select_service()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Keep the filter, and go back to the list."""
        self._end_typing()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Let the line of the filter have all keys but Escape and Ctrl-C."""
        own = {row.action for row in LIST_KEYS} - {"clear"} | {"act"}
        return not (isinstance(self.focused, Input) and action in own)

    # Actions of keys

    def action_leave(self) -> None:
        """Leave top."""
        app_of(self).exit(0)

    def action_help(self) -> None:
        """Show the help."""
        app_of(self).push_screen(HelpScreen(of_log=False))

    def action_sort(self) -> None:
        """Take the next order."""
        self._order = ORDERS[(ORDERS.index(self._order) + 1) % len(ORDERS)]
        self.draw()

    def action_filter(self) -> None:
        """Let the user type a filter."""
        self.query_one(KeyLine).display = False
        self._filter_line.display = True
        # At once: the next key belongs to the filter.
        self.set_focus(self.query_one(Input))

    def action_clear(self) -> None:
        """Show all again."""
        self.query_one(Input).value = ""
        self._end_typing()

    def action_idle(self) -> None:
        """Show or hide the worktrees in which no stack runs."""
        self._shows_worktrees = not self._shows_worktrees
        if self._shows_worktrees:
            self.run_worker(self._find_worktrees(), group="worktrees", exclusive=True)
        self.draw()

    def action_preview(self) -> None:
        """Show or hide the end of the log."""
        self._wants_preview = not self._preview.display
        self._place_preview()
        self.draw()

    def action_fold(self, hides: bool | None = None) -> None:
        """Show or hide the services of the selected stack; None changes what is."""
        stack, _ = self._selection()
        if stack is None:
            return
        if hides is None:
            hides = stack.id not in self._folded
        self._folded = self._folded | {stack.id} if hides else self._folded - {stack.id}
        if hides:
            self._list.selected = (stack.id, None)
        self.draw()

    def action_pause(self) -> None:
        """Go to the shell."""
        app_of(self).action_suspend_process()

    def action_log(self) -> None:
        """Show the log."""
        stack, service = self._selection()
        if stack is None:
            return
        name = None if service is None else service.name
        title = stack.name if name is None else f"{stack.name} · {name}"
        source = self._feed.log(stack, name, is_whole=True)
        app_of(self).push_screen(LogScreen(title, source, has_names=name is None))

    def action_why(self) -> None:
        """Show what is wrong."""
        stack, service = self._selection()
        if stack is None:
            return
        names = services_to_explain(stack, service)
        if not names:
            self._refuse(Refusal(f"nothing is in trouble in {stack.name}"))
            return

        async def load(width: int) -> Text:
            answer = await self._commands.run(stack, ("why", *names), width=width)
            return _text_of(answer)

        app_of(self).push_screen(TextScreen(f"{stack.name}: why {' '.join(names)}", load))

    def action_environment(self) -> None:
        """Show the environment of the service."""
        stack, found = self._planned("environment")
        if stack is None or found is None:
            return

        async def load(width: int) -> Text:
            answer = await self._commands.run(stack, found.words, width=width)
            lines = environment_lines(answer.printed)
            if answer.failure is not None or lines is None:
                return _text_of(answer)
            return Text(escaped("\n".join(lines)))

        app_of(self).push_screen(TextScreen(f"{stack.name}: {found.doing}", load))

    async def action_attach(self) -> None:
        """Give the terminal to the service, until the user leaves it."""
        stack, found = self._planned("attach")
        if stack is None or found is None:
            return
        # Nothing may be drawn meanwhile, but the stacks are followed.
        with app_of(self).batch_update(), app_of(self).suspend():
            await self._commands.attach(stack, found.words[-1])

    def action_act(self, action: str) -> None:
        """Run a command for the selected row, after a question where something ends."""
        if action == "open" and self._selection()[1] is None:
            self.action_fold()
            return
        stack, found = self._planned(action)
        if stack is None or found is None:
            return

        def begin(agreed: bool | None) -> None:
            if agreed:
                self.run_worker(self._run(stack, found), group="commands")

        if found.question:
            question = ConfirmScreen(found.question, found.detail, found.answer)
            app_of(self).push_screen(question, begin)
        else:
            begin(agreed=True)

    def _planned(self, action: str) -> tuple[Stack | None, Command | None]:
        """Return the command of an action; tell the user where it has none."""
        stack, service = self._selection()
        if stack is None:
            return None, None
        found = command_for(action, stack, service)
        if isinstance(found, Refusal):
            self._refuse(found)
            return stack, None
        return stack, found

    async def _run(self, stack: Stack, command: Command) -> None:
        number = max(self._doing, default=0) + 1
        self._doing[number] = command.doing
        self._show_detail()
        try:
            answer = await self._commands.run(stack, command.words)
        finally:
            del self._doing[number]
            if self.is_attached:
                self._show_detail()
        if answer.failure is not None:
            self._report(answer.failure)

    def _report(self, failure: Failure) -> None:
        lines = [failure.text, *(f"hint: {hint}" for hint in failure.hints)]
        self.notify(
            escaped("\n".join(lines)),
            title=f"error ({failure.code})" if failure.code else "error",
            severity="error",
            timeout=10,
            markup=False,
        )

    def _refuse(self, refusal: Refusal) -> None:
        text = f"{refusal.text}: {refusal.hint}" if refusal.hint else refusal.text
        self.notify(escaped(text), severity="warning", timeout=4, markup=False)

    def _end_typing(self) -> None:
        self._filter_line.display = False
        self.query_one(KeyLine).display = True
        self.set_focus(self._list)


def _text_of(answer: Answer) -> Text:
    """Return what a command printed, or its failure."""
    if answer.failure is None:
        return Text.from_ansi(answer.printed)
    failure = answer.failure
    text = Text(escaped(failure.text), "red")
    text.append(f" ({failure.code})" if failure.code else "")
    for hint in failure.hints:
        text.append(escaped(f"\nhint: {hint}"), "default")
    return text
