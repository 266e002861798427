"""Carry out the tools. Each is a thin layer over what a verb of portweave does."""

import os
import time

from portweave.client.client import Client, stack_at
from portweave.client.verb_queries import instance_of, rows_of
from portweave.encoding.json_text import is_object
from portweave.encoding.value import replace
from portweave.errors import (
    NoStackError,
    PortweaveError,
    UnknownServiceError,
    UsageError,
)
from portweave.mcp.answer_form import Answer, Form
from portweave.mcp.chosen_worktree import choose_folder
from portweave.mcp.tool_answers import (
    acted_answer,
    error_answer,
    exec_answer,
    logs_answer,
    machine_answer,
    settle_answer,
    stack_answer,
    verdict_of,
    why_answer,
)
from portweave.mcp.tool_arguments import Arguments, read
from portweave.mcp.verb_process import Outcome, run_process, verb

TYPE_CHECKING = False  # `typing` costs as much as the work
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from portweave.mcp.started_stacks import StartedStacks
    from portweave.mcp.stop_flag import StopFlag
    from portweave.supervisor.registry.stack_records import StackRecord

# A verb that waits ends by itself; this is added for its start and its last answer.
_MARGIN_S = 30.0
# Of the budget of `logs`: structure and text both hold lines.
_LINES_SHARE = 0.5
_BYTES_PER_TOKEN = 4
# Of the answer of `ensure`, for code, message and hints of an error.
_ERROR_BYTES = 1000
_DONE = {"start": "started", "stop": "stopped", "restart": "restarted"}


class Tools:
    """Carries out calls of tools.

    Args:
        environ: The variables of the server.
        worktree: The value of `--worktree`; None for none.
        schemas: The `inputSchema` of each tool.
        stacks: The stacks that this server has started.
    """

    def __init__(
        self,
        environ: "Mapping[str, str]",
        worktree: str | None,
        schemas: "Mapping[str, Mapping[str, object]]",
        stacks: "StartedStacks",
    ) -> None:
        self._environ = environ
        self._worktree = worktree
        self._schemas = schemas
        self._stacks = stacks

    def call(
        self,
        tool: str,
        given: "Mapping[str, object]",
        roots: "Sequence[str]",
        stop: "StopFlag",
        say: "Callable[[str], None]",
        *,
        has_structure: bool,
    ) -> "dict[str, object]":
        """Carry out a call; return its result.

        Args:
            tool: The name of the tool.
            given: Its arguments.
            roots: URIs of folders that the client has opened.
            stop: Ends the work when it is set.
            say: Takes news of the work.
            has_structure: Whether the client knows structured results.
        """
        form, folder = Form(4000, has_structure), os.path.realpath(".")
        try:
            arguments = read(given, self._schemas[tool])
            form = Form(arguments.budget_bytes, has_structure)
            folder = choose_folder(arguments.worktree, self._worktree, self._environ, roots)
            job = _Job(self._environ, folder, arguments, form, stop, say, self._stacks)
            answer = job.run(tool)
        except PortweaveError as error:
            answer = error_answer(form, folder, error.as_json())
        return answer.as_result(has_structure=has_structure)


class _Job:
    """One call of a tool.

    Args:
        environ: The variables of the server.
        folder: The folder of the call.
        arguments: Its arguments.
        form: Size and parts of the answer.
        stop: Ends the work when it is set.
        say: Takes news of the work.
        stacks: The stacks that this server has started.
    """

    def __init__(
        self,
        environ: "Mapping[str, str]",
        folder: str,
        arguments: Arguments,
        form: Form,
        stop: "StopFlag",
        say: "Callable[[str], None]",
        stacks: "StartedStacks",
    ) -> None:
        self._environ = environ
        self._folder = folder
        self._given = arguments
        self._form = form
        self._stop = stop
        self._say = say
        self._stacks = stacks

    def run(self, tool: str) -> Answer:
        """Carry the call out.

        Raises:
            PortweaveError: It failed.
        """
        match tool:
            case "ensure":
                return self._ensure()
            case "status":
                return self._status()
            case "logs":
                return self._logs()
            case "why":
                return self._why()
            case "settle":
                return self._settle()
            case "control":
                return self._control()
            case _:
                return self._exec()

    def _ensure(self) -> Answer:
        record = self._record()
        if record is not None:
            stack = self._ps(record)
            chosen = _chosen(stack, self._given.services)
            if verdict_of(chosen) == "ready":
                self._stacks.join(record)
                return stack_answer(self._form, stack, chosen, "; nothing was to do")
        owner = self._stacks.owner_words()
        words = ("up", "-d", "--json", "--timeout", self._timeout(), *owner)
        outcome = self._run(*words, *self._given.services)
        running = self._record()
        if running is None:
            return error_answer(self._form, self._folder, outcome.error or _VANISHED)
        if record is None:
            self._stacks.add(running)
        stack = self._ps(running)
        chosen = _chosen(stack, self._given.services)
        note = "; started now" if record is None else "; what was missing was started"
        error = outcome.error
        if error is None:
            return stack_answer(self._form, stack, chosen, note)
        hints = [f"hint: {line}" for line in str(error.get("hint", "")).split("\n") if line]
        first, *rest = str(error.get("message", "")).split("\n")
        more = "\n".join([f"{error.get('code')}: {first}", *hints, *rest])
        told = error_answer(replace(self._form, budget_bytes=_ERROR_BYTES), self._folder, error)
        shown: dict[str, object] = {
            name: told.data[name] for name in ("error", "hints") if name in told.data
        }
        left = self._form.budget_bytes - _ERROR_BYTES
        answer = stack_answer(replace(self._form, budget_bytes=left), stack, chosen, note, more)
        return Answer(answer.text, {**answer.data, **shown}, is_error=True)

    def _status(self) -> Answer:
        if self._given.is_all:
            found = self._run("ps", "--all", "--json").data.get("stacks")
            return machine_answer(self._form, self._folder, rows_of(found))
        stack = self._ps(self._found())
        return stack_answer(self._form, stack, _chosen(stack, self._given.services))

    def _logs(self) -> Answer:
        share = _LINES_SHARE if self._form.has_structure else 1.0
        tokens = int(self._form.budget_bytes * share / _BYTES_PER_TOKEN)
        words = ["logs", "--brief", "--json", "--budget", str(tokens)]
        if self._given.cursor:
            words += ["--after", self._given.cursor]
        if self._given.grep:
            words += [f"--grep={self._given.grep}"]
        return logs_answer(self._form, self._folder, self._data(*words, *self._given.services))

    def _why(self) -> Answer:
        names = list(self._given.services)
        if not names:
            rows = rows_of(self._ps(self._found()).get("services"))
            names = [instance_of(row) for row in rows if verdict_of([row]) == "trouble"]
            names = names or [instance_of(row) for row in rows if verdict_of([row]) == "starting"]
        rows = rows_of(self._data("why", "--json", *names).get("services")) if names else []
        return why_answer(self._form, self._folder, rows, time.time())

    def _settle(self) -> Answer:
        cursor = ("--since", self._given.cursor) if self._given.cursor else ()
        words = ("settle", "--json", "--timeout", self._timeout(), *cursor)
        outcome = self._run(*words, *self._given.services)
        if outcome.error is not None and "verdict" not in outcome.data:
            return error_answer(self._form, self._folder, outcome.error)
        return settle_answer(self._form, self._folder, outcome.data)

    def _control(self) -> Answer:
        action, names = self._given.action, self._given.services
        if action == "down":
            if names:
                raise UsageError("down ends the whole stack; stop ends single services")
            outcome = self._run("down", "--json")
            if outcome.error is not None:
                return error_answer(self._form, self._folder, outcome.error)
            ended = rows_of(outcome.data.get("stopped"))
            what = " ".join(f"{row.get('project')}/{row.get('namespace')}" for row in ended)
            did = f"took down {what}" if ended else "no stack was running"
            return acted_answer(self._form, self._folder, did, (), ())
        waits = ("--wait", "--timeout", self._timeout()) if action != "stop" else ()
        outcome = self._run(action, "--json", *waits, *names)
        if outcome.error is not None:
            return error_answer(self._form, self._folder, outcome.error)
        rows = rows_of(outcome.data.get("services"))
        notes = [line for line in outcome.said if "portweave reload" in line]
        return acted_answer(self._form, self._folder, _DONE[action], rows, notes)

    def _exec(self) -> Answer:
        from portweave.supervisor.logs.line_splitter import plain_text

        words = ("exec", self._given.service, "--", "/bin/sh", "-c", self._given.command)
        # An unknown service is an error of portweave, not of the command.
        stack = self._ps(self._found())
        _chosen(stack, (self._given.service,))
        outcome = run_process(
            verb(*words),
            self._folder,
            self._environ,
            self._stop,
            say=self._say,
            limit_s=self._given.timeout_s,
            whole_group=True,
        )
        data = outcome.printed.encode("utf-8", "surrogateescape")
        lines = [plain_text(line) for line in data.split(b"\n")]
        while lines and not lines[-1]:
            del lines[-1]
        return exec_answer(self._form, self._folder, outcome.status, lines)

    def _run(self, *words: str) -> Outcome:
        return run_process(
            verb(*words),
            self._folder,
            self._environ,
            self._stop,
            say=self._say,
            limit_s=self._given.timeout_s + _MARGIN_S,
        )

    def _data(self, *words: str) -> "dict[str, object]":
        """Return what a verb printed.

        Raises:
            PortweaveError: It failed.
        """
        outcome = self._run(*words)
        if (error := outcome.error) is not None:
            raise _VerbError(error)
        return outcome.data

    def _timeout(self) -> str:
        return f"{self._given.timeout_s:g}"

    def _record(self) -> "StackRecord | None":
        try:
            return self._found()
        except NoStackError:
            return None

    def _found(self) -> "StackRecord":
        """Find the running stack of the folder.

        Raises:
            NoStackError: There is none.
        """
        return stack_at(None, self._folder, self._environ)

    def _ps(self, record: "StackRecord") -> "dict[str, object]":
        client = Client(record)
        try:
            found = client.call("/supervisor/ps")
        finally:
            client.close()
        return found if is_object(found) else {}


class _VerbError(PortweaveError):
    """The error that a verb printed."""

    def __init__(self, error: "Mapping[str, object]") -> None:
        super().__init__(str(error.get("message")), hint=str(error.get("hint", "")))
        self.code = str(error.get("code"))


_VANISHED: "dict[str, object]" = {
    "code": NoStackError.code,
    "message": "the stack has ended just after its start",
    "hint": "the tool logs shows what its services printed",
}


def _chosen(stack: "Mapping[str, object]", names: "Sequence[str]") -> "list[dict[str, object]]":
    """Return the rows of services.

    Raises:
        UnknownServiceError: The stack has no such service.
    """
    rows = rows_of(stack.get("services"))
    for name in names:
        if not any(
            name in (row.get("name"), instance_of(row), row.get("fullName")) for row in rows
        ):
            raise UnknownServiceError(name, list(dict.fromkeys(str(r.get("name")) for r in rows)))
    wanted = frozenset(names)
    return [
        row
        for row in rows
        if not names
        or wanted.intersection((row.get("name"), instance_of(row), row.get("fullName")))
    ]
