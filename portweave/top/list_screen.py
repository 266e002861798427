"""The screen of `top`: all stacks and services, and what the keys do with them."""

from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.screen import Screen
from textual.widgets import Input

from portweave.encoding.terminal_escapes import escaped
from portweave.top.action_rules import (
    Command,
    Refusal,
    command_for,
    services_to_explain,
)
from portweave.top.command_answer import Failure, environment_lines
from portweave.top.dialogs import INTERRUPT, ConfirmScreen, HelpScreen, TextScreen
from portweave.top.feed import Feed
from portweave.top.key_table import LIST_KEYS
from portweave.top.line_widgets import KeyLine, Prompt
from portweave.top.log_screen import LogScreen
from portweave.top.running_app import app_of
from portweave.top.stack_rows import Stack
from portweave.top.stack_view import StackView
from portweave.top.verb_commands import Answer, Commands

# Each runs a command of portweave for the selected row.
_COMMANDS = frozenset({"open", "restart", "toggle", "kill", "up", "down"})


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
        Binding("enter", "end_typing", show=False, priority=True),
        Binding("left", "fold(True)", show=False),
        Binding("right", "fold(False)", show=False),
    ]

    def __init__(self, feed: Feed, commands: Commands, *, home: str) -> None:
        super().__init__()
        self._feed, self._commands, self._home = feed, commands, home
        # What commands do at present, by a number.
        self._doing: dict[int, str] = {}

    def compose(self) -> ComposeResult:
        """Make the widgets."""
        yield StackView(self._feed, home=self._home)
        yield KeyLine(LIST_KEYS, id="keys")
        yield Prompt()

    def on_mount(self) -> None:
        """Give the list the keys."""
        self.set_focus(self._view.rows)

    @property
    def _view(self) -> StackView:
        return self.query_one(StackView)

    def on_stack_list_opened(self) -> None:
        """Do what Enter does."""
        self.action_act("open")

    def on_key_line_key_pressed(self, event: KeyLine.KeyPressed) -> None:
        """Do what the clicked key does."""
        self.run_worker(self.run_action(_binding_of(event.row.action)), group="keys")

    def on_input_changed(self, event: Input.Changed) -> None:
        """Filter while the user types."""
        self._view.filter_by(event.value)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Let the line of the filter have all keys but Escape and Ctrl-C."""
        if action == "end_typing":
            return isinstance(self.focused, Input)
        own = {row.action for row in LIST_KEYS} - {"clear"} | {"act"}
        return not (isinstance(self.focused, Input) and action in own)

    def action_leave(self) -> None:
        """Leave top."""
        app_of(self).exit(0)

    def action_help(self) -> None:
        """Show the help."""
        app_of(self).push_screen(HelpScreen(of_log=False))

    def action_sort(self) -> None:
        """Take the next order."""
        self._view.take_next_order()

    def action_filter(self) -> None:
        """Let the user type a filter."""
        self.query_one(KeyLine).display = False
        self.query_one(Prompt).display = True
        # At once: the next key belongs to the filter.
        self.set_focus(self.query_one(Input))

    def action_clear(self) -> None:
        """Show all again."""
        self.query_one(Input).value = ""
        self.action_end_typing()

    def action_idle(self) -> None:
        """Show or hide the worktrees in which no stack runs."""
        self._view.switch_worktrees()

    def action_preview(self) -> None:
        """Show or hide the end of the log."""
        self._view.switch_preview()

    def action_fold(self, hides: bool | None = None) -> None:
        """Show or hide the services of the selected stack; None changes what is."""
        self._view.fold(hides=hides)

    def action_pause(self) -> None:
        """Go to the shell."""
        app_of(self).action_suspend_process()

    def action_log(self) -> None:
        """Show the log."""
        stack, service = self._view.selection()
        if stack is None:
            return
        name = None if service is None else service.name
        title = stack.name if name is None else f"{stack.name} · {name}"
        source = self._feed.log(stack, name, is_whole=True)
        app_of(self).push_screen(LogScreen(title, source, has_names=name is None))

    def action_why(self) -> None:
        """Show what is wrong."""
        stack, service = self._view.selection()
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
            answer = await self._commands.attach(stack, found.words[-1])
        if answer.failure is not None:
            self._report(answer.failure)

    def action_act(self, action: str) -> None:
        """Run a command for the selected row, after a question where something ends."""
        if action == "open" and self._view.selection()[1] is None:
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
        stack, service = self._view.selection()
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
        self._view.show_doing(self._doing)
        try:
            answer = await self._commands.run(stack, command.words)
        finally:
            del self._doing[number]
            if self.is_attached:
                self._view.show_doing(self._doing)
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

    def action_end_typing(self) -> None:
        """Keep what was typed; the keys are those of the list again."""
        self.query_one(Prompt).display = False
        self.query_one(KeyLine).display = True
        self.set_focus(self._view.rows)


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
