"""Print what `up` would start: `up --dry-run`. It allocates, writes and starts nothing."""

import sys

from portweave.allocator.ports.assign import entry_of
from portweave.allocator.ports.registry import load
from portweave.client.verb_queries import say
from portweave.encoding.json_text import pretty, quote
from portweave.encoding.text_style import Span, plain
from portweave.encoding.value import value
from portweave.planning.package_scripts import PackageFiles
from portweave.planning.planned_stack import check_profiles, plan_request, requested_project
from portweave.planning.port_arguments import Fitting
from portweave.planning.stack_plan import fitting_of
from portweave.procfiles.graph import start_order
from portweave.supervisor.reporting.redact import masked

TYPE_CHECKING = False  # `typing` costs as much as the work
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from portweave.planning.planned_stack import PlannedRequest
    from portweave.planning.stack_request import StackRequest
    from portweave.procfiles.model import Service
    from portweave.supervisor.services.plan import InstancePlan

    Line = Sequence[str | Span]

_INDENT = 2


@value
class _Start:
    """What would be started for a service.

    Attributes:
        service: Its definition.
        instances: The plans of its instances.
        port: The first instance's port in the block that the worktree has; None without one.
        framework: Its framework, if portweave appends words or sets variables for it.
    """

    service: "Service"
    instances: "tuple[InstancePlan, ...]"
    port: int | None
    framework: str | None

    @property
    def command(self) -> str:
        """Its command as the definition has it."""
        command = self.service.command or ""
        return command if isinstance(command, str) else " ".join(command)

    def appended(self, plan: "InstancePlan") -> str:
        """Return the words that are appended to the command of an instance."""
        return plan.command.removeprefix(self.command.rstrip()).strip()


def show_dry_run(request: "StackRequest", *, as_json: bool, no_color: bool) -> None:
    """Print the services that would start, in order, with their commands and variables.

    Args:
        request: The request of `up`.
        as_json: Whether to print JSON.
        no_color: Whether the command line refuses colours.

    Raises:
        PortweaveError: `up` would fail with it before it starts anything.
    """
    project = requested_project(request)
    check_profiles(project.definitions, request.options.profiles)
    planned = plan_request(request, dry_run=True)
    starts = list(_starts(planned))
    inherited = request.environ
    plans = [plan for start in starts for plan in start.instances]
    changes = {plan.name: _changes(plan, inherited) for plan in plans}
    shared = _shared(list(changes.values()))
    for warning in planned.plan.warnings:
        say(warning)
    if as_json:
        _print_json(starts, changes)
        return
    lines = [*_lines(starts, changes, shared, planned), *_hook_lines(planned)]
    lines += [
        (0, (Span("not started", "dim"), f": {name} ({why})"))
        for name, why in planned.plan.left_out
    ]
    if not sys.stdout.isatty():
        sys.stdout.write("".join(f"{' ' * indent}{plain(line)}\n" for indent, line in lines))
        return
    from portweave.cli.terminal_drawing import Drawing

    drawing = Drawing(no_color=no_color)
    for indent, line in lines:
        drawing.text(line, first=indent, indent=indent + 2 * _INDENT)


def _starts(planned: "PlannedRequest") -> "Iterator[_Start]":
    project, plan = planned.allocated.project, planned.plan
    entry = entry_of(load(project.registry), project.key)
    ports = {} if entry is None else entry.ports
    for service in start_order(project.definitions):
        instances = tuple(
            one
            for one in plan.instances
            if one.service == service.name and one.name in plan.wanted and not one.hook
        )
        if instances:
            port = ports.get(service.name) if service.env_var is not None else None
            yield _Start(service, instances, port, _framework(service))


def _framework(service: "Service") -> str | None:
    if service.env_var is None:
        return None
    found = fitting_of(service, PackageFiles(service.working_dir), None)
    return found.framework if isinstance(found, Fitting) else None


def _changes(plan: "InstancePlan", inherited: "Mapping[str, str]") -> dict[str, str]:
    """Return the variables that an instance does not inherit as they are, without secrets."""
    hidden = masked(plan.environment)
    return {
        name: hidden[name]
        for name, text in sorted(plan.environment.items())
        if inherited.get(name) != text
    }


def _shared(changes: "Sequence[Mapping[str, str]]") -> dict[str, str]:
    """Return the variables that several instances all get with one value."""
    if len(changes) < 2:
        return {}
    first, *others = changes
    return {
        name: text
        for name, text in first.items()
        if all(other.get(name) == text for other in others)
    }


def _lines(
    starts: "Sequence[_Start]",
    changes: "Mapping[str, Mapping[str, str]]",
    shared: "Mapping[str, str]",
    planned: "PlannedRequest",
) -> "Iterator[tuple[int, Line]]":
    """Return lines, each with its indent."""
    hooks = [one for one in planned.plan.instances if one.hook and one.name in planned.plan.wanted]
    names = {hook.name for hook in hooks}
    early = [hook for hook in hooks if all(need.instance in names for need in hook.needs)]
    count = "1 service" if len(starts) == 1 else f"{len(starts)} services"
    yield 0, (f"would start, in this order ({count}):",)
    for hook in early:
        yield _hook_line(hook)
    for start in starts:
        for plan in start.instances:
            where = _port_text(start, plan)
            yield _INDENT, (Span(plan.name, "strong"), f" ({where}): {plan.command}")
            for other in start.service.depends_on:
                after = f"after {other.name} is {other.condition}"
                yield 2 * _INDENT, (Span(after, "dim"),)
            if words := start.appended(plan):
                yield 2 * _INDENT, (f"appended for {start.framework}: ", Span(words, "hint"))
            own = {n: text for n, text in changes[plan.name].items() if n not in shared}
            if own:
                yield 2 * _INDENT, (Span(f"sets {_assignments(own)}", "dim"),)
    for hook in hooks:
        if hook not in early:
            yield _hook_line(hook)
    if shared:
        yield 0, (f"each gets: {_assignments(shared)}",)


def _hook_line(hook: "InstancePlan") -> "tuple[int, Line]":
    return _INDENT, (Span(hook.name, "strong"), f" (hook): {hook.command}")


def _port_text(start: "_Start", plan: "InstancePlan") -> str:
    if plan.port is None:
        return "no port"
    return f"port {plan.port}" if start.port else f"a port of a new block, now {plan.port}"


def _hook_lines(planned: "PlannedRequest") -> "Iterator[tuple[int, Line]]":
    """Return lines about hooks that run later, or not at all."""
    for one in planned.plan.instances:
        if not one.hook:
            continue
        if one.name in planned.plan.done:
            yield 0, (f"{one.name} has run in this worktree",)
        elif one.last:
            yield 0, (f"{one.name} runs when the stack has stopped: {one.command}",)


def _assignments(variables: "Mapping[str, str]") -> str:
    return " ".join(f"{name}={_quoted(text)}" for name, text in variables.items())


def _quoted(text: str) -> str:
    return text if text.isprintable() and " " not in text else quote(text)


def _print_json(starts: "Sequence[_Start]", changes: "Mapping[str, Mapping[str, str]]") -> None:
    rows = [
        {
            "name": start.service.name,
            "command": start.service.command,
            "port": start.port,
            "instances": len(start.instances),
            "dependsOn": {other.name: other.condition for other in start.service.depends_on},
            "framework": start.framework,
            "appended": start.appended(start.instances[0]).split(),
            "environment": dict(changes[start.instances[0].name]),
        }
        for start in starts
    ]
    sys.stdout.write(pretty({"schemaVersion": 1, "services": rows}) + "\n")
