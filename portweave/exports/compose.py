"""Write a stack as a file for Docker Compose (compose-spec, spec.md)."""

import os
from collections.abc import Iterator, Mapping
from shlex import join, quote

from portweave.exports.model import (
    MERGE,
    Exported,
    Hidden,
    Stack,
    Unit,
    as_yaml,
    header,
    label_of,
    labels_of,
)
from portweave.exports.remarks import CHANGED, INFO, LOST, Remark, merged
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
    told = merged(remarks)
    return Exported(((FILE, header(FORM, told) + as_yaml([document], shared=shared)),), told)


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
    elif unit.has_image:
        fields["build"] = {"context": _escaped(_relative(unit.folder, stack.place))}
    else:
        fields["image"] = image_of(unit, stack)
    fields["command"] = [_escaped(word) for word in unit.argv]
    variables: dict[str, object] = {**_plain_texts(unit.kept_defaults())}
    if shared and variables == shared:
        variables = {MERGE: shared}
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
    if unit.port is not None:
        fields["ports"] = [f"127.0.0.1:{unit.port}:{unit.port}"]
    if unit.needs:
        fields["depends_on"] = {
            labels[need.instance]: {"condition": _condition(need.condition, units[need.instance])}
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
    return fields


def image_of(unit: Unit, stack: Stack) -> str:
    """Return the name of a service's image where the user named none; its instances share it."""
    return f"{label_of(stack.project)}-{label_of(unit.service)}"


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
    """Return the readiness test that runs in the container; None for none."""
    ready = unit.ready
    if ready.http is None and ready.tcp is None:
        return None if ready.exec is None else ["CMD", *ready.exec]
    tests: list[str] = []
    if ready.http is not None:
        url = quote(ready.http)
        # An image contains one of them, or none.
        tests.append(f"{{ curl -kfsS -o /dev/null {url} || wget -qO /dev/null {url}; }}")
    if ready.tcp is not None:
        port = ready.tcp
        tests.append(f"{{ nc -z 127.0.0.1 {port} || bash -c '</dev/tcp/127.0.0.1/{port}'; }}")
    if ready.exec is not None:
        tests.append(join(ready.exec))
    return ["CMD-SHELL", " && ".join(tests)]


def _restart(unit: Unit) -> str:
    limit = unit.restart.limit
    if unit.restart.when is When.ON_FAILURE and limit is not None:
        return f"on-failure:{limit}" if limit else "no"
    return unit.restart.when.value


def _remarks(unit: Unit, stack: Stack, units: Mapping[str, Unit]) -> Iterator[Remark]:
    names = (unit.name,)
    yield from unit.remarks
    if not unit.image and not unit.has_image:
        text = (
            f"no Dockerfile: {image_of(unit, stack)} must be built, or name another image with"
            f" --image {unit.service}=IMAGE"
        )
        yield Remark(LOST, "image", text, names)
    for need in unit.needs:
        if need.condition is Condition.READY and _healthcheck(units[need.instance]) is None:
            text = f"it waits until {need.instance} is started, not until it is ready"
            yield Remark(CHANGED, "dependsOn", text, names)
    yield from unsupported_probe_remarks(unit)


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
