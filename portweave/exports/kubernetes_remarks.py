"""Pure. What a stack loses on Kubernetes, and the commands that come before `kubectl apply`."""

from collections.abc import Iterator
from shlex import quote

from portweave.exports.compose import unsupported_probe_remarks
from portweave.exports.kubernetes_model import (
    CALLERS_BUS,
    Plan,
    file_secret_of,
    is_stateful,
    needed,
    secret_of,
)
from portweave.exports.kubernetes_pods import handlers_of
from portweave.exports.model import Unit
from portweave.exports.remarks import CHANGED, INFO, LOST, Remark
from portweave.supervisor.reporting.redact import is_secret
from portweave.supervisor.services.plan import Condition, When


def stack_remarks(plan: Plan) -> Iterator[Remark]:
    """Return remarks about the whole stack."""
    callers = plan.stack.callers
    for remark in plan.stack.remarks:
        if remark.key == "routes":
            names = f"an Ingress has the names of routes below {plan.options.domain}"
            yield Remark(INFO, "routes", f"{names}; the cluster needs an Ingress controller")
        elif remark.key != "calls" or not callers:
            yield remark
    for service, by_socket in callers.items():
        if by_socket:
            text = "it calls by PORTWEAVE_SOCKET; in the cluster there is only PORTWEAVE_HUB"
            yield Remark(LOST, "calls", text, (service,))
    if callers:
        where = "the server of --bus" if plan.options.bus else CALLERS_BUS
        text = f"calls go over {where}, a NATS server; Python needs portweave[nats] in its image"
        yield Remark(CHANGED, "calls", text)
    yield from _secret_remarks(plan)
    for command in plan.stack.builds:
        yield Remark(INFO, "image", f"build it, and load it into the cluster: {command}")


def _secret_remarks(plan: Plan) -> Iterator[Remark]:
    stack, space = plan.stack, plan.namespace
    files = dict.fromkeys(file.path for unit in stack.units for file in unit.files)
    keys = {key for unit in stack.units for key in unit.passed}
    keys |= {hidden.key for unit in stack.units for hidden in unit.hidden.values()}
    if stack.callers and is_secret("", plan.options.bus):
        keys.add("PORTWEAVE_HUB")
    create = f"kubectl -n {space} create secret generic"
    if files or keys:
        text = f"secrets need the namespace: kubectl create namespace {space}"
        yield Remark(INFO, "secrets", text)
    for path in files:
        shown = path.removeprefix(f"{stack.root.rstrip('/')}/")
        command = f"{create} {file_secret_of(stack, path)} --from-env-file={quote(shown)}"
        yield Remark(INFO, "secrets", f"create a secret from {shown}: {command}")
    if keys:
        words = " ".join(f'--from-literal={key}="${key}"' for key in sorted(keys))
        command = f"{create} {secret_of(stack, 'outside')} {words}"
        yield Remark(INFO, "secrets", f"create a secret from variables: {command}")


def unit_remarks(unit: Unit, plan: Plan) -> Iterator[Remark]:
    """Return remarks about one service."""
    names = (unit.service,)
    yield from unit.remarks
    if unit.replicas > 1 and not unit.oneshot:
        text = f"its {unit.replicas} instances share a port and PORTWEAVE_INSTANCE=1"
        yield Remark(CHANGED, "scale", text, names)
    if unit.replicas > 1 and unit.oneshot:
        yield Remark(CHANGED, "scale", f"it runs once, not {unit.replicas} times", names)
    for other in needed(unit, Condition.STARTED):
        yield Remark(CHANGED, "dependsOn", f"it does not wait until {other} was started", names)
    for other in needed(unit, Condition.READY):
        if plan.units[other].port is None:
            text = f"it does not wait for {other}, which has no port"
            yield Remark(LOST, "dependsOn", text, names)
    if len(handlers_of(unit)) > 1 and not unit.oneshot:
        text = "the first condition holds at the start, the last one later: a probe has only one"
        yield Remark(CHANGED, "ready", text, names)
    if not unit.oneshot and unit.restart.when is not When.ALWAYS and unit.service != CALLERS_BUS:
        kind = "StatefulSet" if is_stateful(unit) else "Deployment"
        text = f"{unit.restart.when.value}: a {kind} always restarts it"
        yield Remark(CHANGED, "restart", text, names)
    if unit.stop_signal != "SIGTERM" and not unit.server:
        text = f"{unit.stop_signal}: the image must set it (STOPSIGNAL)"
        yield Remark(CHANGED, "stopSignal", text, names)
    yield from unsupported_probe_remarks(unit)
