"""Write a stack as a file for Docker Compose (compose-spec, spec.md)."""

import os
from collections.abc import Iterator, Mapping
from shlex import join

from portweave.exports.dockerfiles import HOME, probe_command
from portweave.exports.model import (
    Exported,
    Hidden,
    Stack,
    Unit,
    header,
    is_own_url,
    label_of,
    labels_of,
)
from portweave.exports.remarks import CHANGED, INFO, LOST, Remark, merged
from portweave.exports.yaml_text import MERGE, as_yaml
from portweave.planning.environment_layers import compose_name
from portweave.supervisor.services.plan import (
    Condition,
    When,
)

FORM = "compose"
FILE = "compose.yaml"
_LONGEST = 63
_CONDITIONS = {
    Condition.STARTED: "service_started",
    Condition.READY: "service_healthy",
    Condition.COMPLETED: "service_completed_successfully",
}


def export(stack: Stack) -> Exported:
    """Return the file for a stack.

    Raises:
        ExportNameError: Two services would get the same name.
    """
    labels = labels_of((unit.name for unit in stack.units), label_of, _LONGEST)
    units = {unit.name: unit for unit in stack.units}
    remarks = [*stack.remarks, *_secret_remarks(stack)]
    # Each service refers to the ports of all others: without sharing, 1000 services need a million
    # lines.
    shared: dict[str, object] = {}
    if len(stack.units) > 1:
        shared |= _plain_texts(stack.units[0].kept_defaults())
    services: dict[str, object] = {}
    for unit in stack.units:
        services[labels[unit.name]] = _service(unit, stack, labels, units, shared)
        remarks += _remarks(unit, stack, units)
    document: dict[str, object] = {"name": compose_name(stack.project, stack.namespace)}
    if shared:
        document["x-variables"] = shared
    document["services"] = services
    volumes = [_volume(labels[unit.name], n) for unit in stack.units for n in range(len(unit.data))]
    if volumes:
        document["volumes"] = dict.fromkeys(volumes)
    told = merged(remarks)
    text = header(FORM, told, _version(stack)) + as_yaml([document], shared=shared)
    return Exported(((FILE, text),), told)


def _version(stack: Stack) -> str:
    """Return the first version with all that the file has, from Compose's release notes."""
    if any(_watch(unit, stack) for unit in stack.units):
        return "Docker Compose 2.32"
    # `required` of a file of variables.
    return f"Docker Compose {'2.24' if any(unit.files for unit in stack.units) else '2.20'}"


def _volume(label: str, number: int) -> str:
    return f"{label}-data{number + 1 if number else ''}"


def _service(
    unit: Unit,
    stack: Stack,
    labels: Mapping[str, str],
    units: Mapping[str, Unit],
    shared: dict[str, object],
) -> dict[str, object]:
    fields: dict[str, object] = {}
    if unit.image:
        fields["image"] = _escaped(unit.image)
    if unit.context:
        fields["build"] = _build(unit, stack)
    fields["command"] = [_escaped(word) for word in unit.argv]
    own = unit.kept_defaults()
    is_shared = shared and (own is stack.units[0].defaults or _plain_texts(own) == shared)
    variables: dict[str, object] = {MERGE: shared} if is_shared else {**_plain_texts(own)}
    variables |= _plain_texts(unit.settled)
    for name, hidden in unit.hidden.items():
        variables[name] = _hidden_text(hidden)
    # A variable without a value takes it from the environment of `docker compose`.
    variables |= dict.fromkeys(unit.passed)
    if variables:
        fields["environment"] = variables
    if unit.files:
        fields["env_file"] = [
            {"path": _escaped(_relative(file.path, stack.place)), "required": file.required}
            for file in unit.files
        ]
    if unit.cwd:
        fields["working_dir"] = _escaped(unit.cwd)
    if unit.data:
        label = labels[unit.name]
        fields["volumes"] = [
            {"type": "volume", "source": _volume(label, number), "target": _escaped(path)}
            for number, path in enumerate(unit.data)
        ]
    if unit.profiles:
        fields["profiles"] = list(unit.profiles)
    if unit.port is not None:
        fields["ports"] = [f"127.0.0.1:{unit.port}:{unit.port}"]
    if unit.needs:
        fields["depends_on"] = {
            labels[need.instance]: {
                "condition": _condition(need.condition, units[need.instance]),
                # A service of another profile may be off.
                **({"required": False} if _may_be_off(unit, units[need.instance]) else {}),
            }
            for need in unit.needs
        }
    check = _healthcheck(unit)
    if check is not None:
        fields["healthcheck"] = check
    fields["restart"] = _restart(unit)
    fields["stop_signal"] = unit.stop_signal
    fields["stop_grace_period"] = _span(unit.stop_grace_s)
    # `init` reaps orphans, as portweave does.
    fields["init"] = True
    if unit.tty:
        fields["tty"] = True
    if watch := _watch(unit, stack):
        fields["develop"] = {"watch": watch}
    return fields


def _build(unit: Unit, stack: Stack) -> dict[str, object]:
    build: dict[str, object] = {"context": _escaped(_relative(unit.context, stack.place))}
    if unit.dockerfile:
        # compose-spec, build.md: relative to the context.
        build["dockerfile"] = _escaped(os.path.relpath(unit.dockerfile, unit.context))
    return build


def _watch(unit: Unit, stack: Stack) -> list[dict[str, object]]:
    """Return the rules of `docker compose watch`; an existing image has none."""
    found: list[dict[str, object]] = []
    for path in unit.watch if unit.context else ():
        # A glob begins after its folder.
        folder = path.partition("*")[0]
        folder = path if folder == path else os.path.dirname(folder)
        rule: dict[str, object] = {"path": _escaped(_relative(folder, stack.place))}
        inner = os.path.relpath(folder, unit.context)
        if unit.cwd and inner != ".." and not inner.startswith("../"):
            rule |= {
                "action": "sync+restart",
                "target": _escaped(os.path.normpath(f"{HOME}/{inner}")),
                "ignore": ["node_modules/", ".venv/", ".git/"],
            }
        else:
            rule["action"] = "rebuild"
        if rule not in found:
            found.append(rule)
    return found


def _may_be_off(unit: Unit, needed: Unit) -> bool:
    return bool(needed.profiles) and not set(unit.profiles) & set(needed.profiles)


def _condition(condition: Condition, needed: Unit) -> str:
    if condition is Condition.READY and _healthcheck(needed) is None:
        return _CONDITIONS[Condition.STARTED]
    return _CONDITIONS[condition]


def _healthcheck(unit: Unit) -> dict[str, object] | None:
    if unit.oneshot:
        return None
    test = healthcheck_command(unit)
    if test is None:
        return None
    return {
        "test": [_escaped(word) for word in test],
        "interval": _span(max(unit.ready.interval_s, 1.0)),
        "timeout": "5s",
        "retries": 3,
        "start_period": _span(unit.ready.timeout_s),
    }


def healthcheck_command(unit: Unit) -> list[str] | None:
    """Return the readiness test that runs in the container; None for none.

    It uses what the image surely has: the runtime of a written Dockerfile, the tools of a known
    server, and the user's own command.
    """
    ready = unit.ready
    tests: list[tuple[str, ...]] = []
    if ready.http is not None:
        tests.append(probe_command(unit.runtime, ready.http, None) or ())
    # An answer of its own port proves that it listens.
    if ready.tcp is not None and not (ready.http and is_own_url(ready.http, ready.tcp)):
        tests.append(probe_command(unit.runtime, None, ready.tcp) or ())
    if ready.exec is not None:
        tests.append(ready.exec)
    found = [test for test in tests if test]
    if not found:
        return None
    if len(found) == 1:
        return ["CMD", *found[0]]
    return ["CMD-SHELL", " && ".join(map(join, found))]


def _restart(unit: Unit) -> str:
    limit = unit.restart.limit
    if unit.restart.when is When.ON_FAILURE and limit is not None:
        return f"on-failure:{limit}" if limit else "no"
    return unit.restart.when.value


def _remarks(unit: Unit, stack: Stack, units: Mapping[str, Unit]) -> Iterator[Remark]:
    names = (unit.name,)
    handled = _watch(unit, stack)
    yield from (one for one in unit.remarks if not (handled and one.key == "watch"))
    if handled:
        yield Remark(INFO, "watch", "docker compose watch restarts it after a change", names)
    for need in unit.needs:
        if need.condition is Condition.READY and _healthcheck(units[need.instance]) is None:
            text = f"it waits until {need.instance} is started, not until it is ready"
            yield Remark(CHANGED, "dependsOn", text, names)
    yield from _probe_remarks(unit)
    yield from unsupported_probe_remarks(unit)


def _probe_remarks(unit: Unit) -> Iterator[Remark]:
    ready = unit.ready
    if unit.oneshot or unit.runtime or not ready.written:
        return
    if ready.http is not None or ready.tcp is not None:
        text = "its image may have no program that probes a port; exec: a command of the image does"
        yield Remark(CHANGED, "ready", text, (unit.name,))


def unsupported_probe_remarks(unit: Unit) -> Iterator[Remark]:
    """Return remarks about readiness checks that a container cannot run."""
    if unit.ready.log is not None:
        yield Remark(LOST, "ready", "log: nothing reads its output there", (unit.name,))
    if unit.ready.notify:
        yield Remark(LOST, "ready", "notify: not available in a container", (unit.name,))


def _secret_remarks(stack: Stack) -> Iterator[Remark]:
    for unit in stack.units:
        if keys := sorted({hidden.key for hidden in unit.hidden.values()}):
            text = f"docker compose takes secrets from its environment: {', '.join(keys)}"
            yield Remark(INFO, "secrets", text, (unit.name,))


def _hidden_text(hidden: Hidden) -> str:
    # compose-spec, 12-interpolation.md: an unset variable is an error.
    secret = f"${{{hidden.key}:?it is not written, for it is secret}}"
    return f"{_escaped(hidden.before)}{secret}{_escaped(hidden.after)}"


def _relative(path: str, place: str) -> str:
    relative = os.path.relpath(path, place)
    is_plain = relative in (".", "..") or relative.startswith("../")
    return relative if is_plain else f"./{relative}"


def _plain_texts(variables: Mapping[str, str]) -> dict[str, str]:
    return {name: _escaped(text) for name, text in variables.items()}


def _escaped(text: str) -> str:
    """Escape a text so that Compose substitutes no variables."""
    return text.replace("$", "$$")


def _span(time_s: float) -> str:
    return f"{round(time_s * 1000)}ms" if time_s % 1 else f"{int(time_s)}s"
