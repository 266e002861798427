"""Write a stack as Kubernetes manifests: a Deployment or Job per service, a Service per port.

https://kubernetes.io/docs/reference/kubernetes-api/
"""

import re
from collections.abc import Iterator, Mapping
from shlex import join, quote
from urllib.parse import urlsplit

from portweave.exports.compose import unsupported_probe_remarks
from portweave.exports.model import (
    Exported,
    Hidden,
    Stack,
    Unit,
    VariableFile,
    as_yaml,
    export_line_remarks,
    header,
    is_own_url,
    label_of,
    labels_of,
    whole_seconds,
)
from portweave.exports.remarks import CHANGED, INFO, LOST, Remark, merged
from portweave.planning.environment_layers import compose_name
from portweave.supervisor.services.plan import (
    Condition,
    When,
)

FORM = "kubernetes"
# RFC 1035, section 2.3.4: the longest label; a Service's name is also part of variable names.
_LONGEST = 63
_WAITER = "busybox:1.36"
Manifest = dict[str, object]
_MANAGED = {"app.kubernetes.io/managed-by": "portweave"}
# The name of a service has no dot.
_SHARED_FILE = "variables.configmap.yaml"
_MANY_ENTRIES = 500
# What a ConfigMap accepts as a key, as far as it is also the name of a variable.
_KEY = re.compile("[A-Za-z_][A-Za-z0-9_]*")


def export(stack: Stack) -> Exported:
    """Return the manifests of a stack, one file per service.

    Raises:
        ExportNameError: Two services would get the same name.
    """
    # Each pod has its own address, so all may use the same port.
    units = {unit.service: unit for unit in stack.units if unit.number == 1}
    labels = labels_of(units, label_of, _LONGEST)
    shared = _shared_variables(list(units.values()))
    remarks = [
        *stack.remarks,
        *_secret_remarks(stack),
        *export_line_remarks(stack.units, "kubectl"),
    ]
    files: list[tuple[str, str]] = []
    if shared:
        text = as_yaml([_config_map(shared, stack)], starts="---\n")
        files.append((_SHARED_FILE, header(FORM, ()) + text))
    for service, unit in units.items():
        own = merged(_remarks(unit, stack, units))
        text = as_yaml(_manifests(unit, stack, labels, units, shared), starts="---\n")
        files.append((f"{labels[service]}.yaml", header(FORM, own) + text))
        remarks += own
    return Exported(tuple(files), merged(remarks))


def _shared_variables(units: list[Unit]) -> Mapping[str, str]:
    """Return the variables to write once for all services; none for a small stack.

    Each service refers to the ports of all others: 1000 services would need a million entries. In a
    small stack, each file can be applied alone.
    """
    first, *others = [unit.kept_defaults() for unit in units] or [{}]
    if len(first) * len(units) < _MANY_ENTRIES:
        return {}
    common = {name: text for name, text in first.items() if _KEY.fullmatch(name)}
    for variables in others:
        if not common.items() <= variables.items():
            common = {n: text for n, text in common.items() if variables.get(n) == text}
    return common


def _config_map(shared: Mapping[str, str], stack: Stack) -> Manifest:
    metadata = {"name": _config_name(stack), "labels": _labels_of_stack(stack) | _MANAGED}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": dict(shared)}


def _config_name(stack: Stack) -> str:
    return f"{_secret(compose_name(stack.project, stack.namespace))}-variables"


def _labels_of_stack(stack: Stack) -> dict[str, str]:
    return {
        "app.kubernetes.io/part-of": label_of(stack.project)[:_LONGEST].rstrip("-"),
        "app.kubernetes.io/instance": label_of(stack.namespace)[:_LONGEST].rstrip("-"),
    }


def _manifests(
    unit: Unit,
    stack: Stack,
    labels: Mapping[str, str],
    units: Mapping[str, Unit],
    shared: Mapping[str, str],
) -> Iterator[Manifest]:
    name = labels[unit.service]
    common = {"app.kubernetes.io/name": name, **_labels_of_stack(stack)}
    metadata = {"name": name, "labels": common | _MANAGED}
    pod: Manifest = {
        "metadata": {"labels": common},
        "spec": _pod(unit, stack, name, labels, units, shared),
    }
    if unit.oneshot:
        limit = unit.restart.limit
        retries = 0 if unit.restart.when is When.NO else 6 if limit is None else limit
        spec: Manifest = {"backoffLimit": retries, "template": pod}
        yield {"apiVersion": "batch/v1", "kind": "Job", "metadata": metadata, "spec": spec}
    else:
        spec = {
            "replicas": unit.replicas,
            "selector": {"matchLabels": common},
            "template": pod,
        }
        yield {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata, "spec": spec}
    if unit.port is not None:
        yield {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": metadata,
            "spec": {
                "selector": common,
                "ports": [{"name": "main", "port": unit.port, "targetPort": unit.port}],
            },
        }


def _pod(
    unit: Unit,
    stack: Stack,
    name: str,
    labels: Mapping[str, str],
    units: Mapping[str, Unit],
    shared: Mapping[str, str],
) -> Manifest:
    container: Manifest = {
        "name": name,
        "image": unit.image,
        "args": [_escaped(word) for word in unit.argv],
    }
    env: list[Manifest] = [
        {"name": key, "value": _escaped(text)}
        for key, text in unit.variables().items()
        if key not in shared or key in unit.settled
    ]
    secret = compose_name(stack.project, stack.namespace)
    for name_, hidden in unit.hidden.items():
        env += _hidden_variable(name_, hidden, f"{_secret(secret)}-outside")
    for key in unit.passed:
        chosen = {"name": f"{_secret(secret)}-outside", "key": key, "optional": True}
        env.append({"name": key, "valueFrom": {"secretKeyRef": chosen}})
    if env:
        container["env"] = env
    # Of two sources of a variable the later one wins, and `env` wins over both.
    sources: list[Manifest] = []
    if shared:
        sources.append({"configMapRef": {"name": _config_name(stack)}})
    for file in unit.files:
        chosen = {"name": _secret_of(file, stack), "optional": not file.required}
        sources.append({"secretRef": chosen})
    if sources:
        container["envFrom"] = sources
    if unit.port is not None:
        container["ports"] = [{"name": "main", "containerPort": unit.port}]
    if unit.tty:
        container["tty"] = True
    container |= _probes(unit)
    waits = _wait_steps(unit, labels, units)
    return {
        **({"initContainers": waits} if waits else {}),
        "containers": [container],
        "restartPolicy": "Never" if unit.oneshot else "Always",
        "terminationGracePeriodSeconds": whole_seconds(unit.stop_grace_s),
        # The variables that Kubernetes creates for Services would replace ours: WEB_PORT=tcp://…
        "enableServiceLinks": False,
    }


def _probes(unit: Unit) -> Manifest:
    handler = _handler(unit)
    if handler is None or unit.oneshot:
        return {}
    ready = unit.ready
    period_s = max(1, whole_seconds(ready.interval_s))
    probe = {**handler, "periodSeconds": period_s, "timeoutSeconds": 5, "failureThreshold": 3}
    if not ready.written:
        return {"readinessProbe": probe}
    tries = max(1, whole_seconds(ready.timeout_s / period_s))
    # A pod that is not ready in time has failed; a later probe only removes it from its Service.
    return {"startupProbe": {**probe, "failureThreshold": tries}, "readinessProbe": probe}


def _handler(unit: Unit) -> Manifest | None:
    ready = unit.ready
    given = [one for one in (ready.http, ready.tcp, ready.exec) if one is not None]
    if not given:
        return None
    if len(given) == 1 and ready.http is not None and is_own_url(ready.http, unit.port):
        parts = urlsplit(ready.http)
        path = f"{parts.path or '/'}{f'?{parts.query}' if parts.query else ''}"
        scheme = parts.scheme.upper()
        return {"httpGet": {"path": path, "port": unit.port, "scheme": scheme}}
    if len(given) == 1 and ready.tcp is not None:
        return {"tcpSocket": {"port": ready.tcp}}
    if len(given) == 1 and ready.exec is not None:
        return {"exec": {"command": list(ready.exec)}}
    # A probe has one handler, and all given conditions must hold.
    tests: list[str] = []
    if ready.http is not None:
        url = quote(ready.http)
        tests.append(f"{{ curl -kfsS -o /dev/null {url} || wget -qO /dev/null {url}; }}")
    if ready.tcp is not None:
        tests.append(f"nc -z 127.0.0.1 {ready.tcp}")
    if ready.exec is not None:
        tests.append(join(ready.exec))
    return {"exec": {"command": ["/bin/sh", "-c", " && ".join(tests)]}}


def _wait_steps(unit: Unit, labels: Mapping[str, str], units: Mapping[str, Unit]) -> list[Manifest]:
    """Return init containers that wait for dependencies; a Service leads only to ready pods."""
    found: list[Manifest] = []
    for service in _needed(unit, Condition.READY):
        port = units[service].port
        if port is not None:
            name = labels[service]
            loop = f"until nc -z -w 1 {name} {port}; do sleep 1; done"
            found.append(
                {
                    "name": f"wait-{name}"[:_LONGEST].rstrip("-"),
                    "image": _WAITER,
                    "command": ["/bin/sh", "-c", loop],
                }
            )
    return found


def _needed(unit: Unit, condition: Condition) -> list[str]:
    names = [need.instance.partition(".")[0] for need in unit.needs if need.condition is condition]
    return list(dict.fromkeys(names))


def _remarks(unit: Unit, stack: Stack, units: Mapping[str, Unit]) -> Iterator[Remark]:
    names = (unit.service,)
    yield from unit.remarks
    if unit.replicas > 1 and not unit.oneshot:
        text = f"its {unit.replicas} instances share a port and PORTWEAVE_INSTANCE=1"
        yield Remark(CHANGED, "scale", text, names)
    if unit.replicas > 1 and unit.oneshot:
        yield Remark(CHANGED, "scale", f"it runs once, not {unit.replicas} times", names)
    for other in _needed(unit, Condition.COMPLETED):
        text = (
            f"it does not wait for {other}: kubectl wait --for=condition=complete"
            f" job/{label_of(other)}"
        )
        yield Remark(LOST, "dependsOn", text, names)
    for other in _needed(unit, Condition.STARTED):
        yield Remark(CHANGED, "dependsOn", f"it does not wait until {other} was started", names)
    for other in _needed(unit, Condition.READY):
        if units[other].port is None:
            text = f"it does not wait for {other}, which has no port"
            yield Remark(LOST, "dependsOn", text, names)
    if not unit.oneshot and unit.restart.when is not When.ALWAYS:
        text = f"{unit.restart.when.value}: a Deployment always restarts it"
        yield Remark(CHANGED, "restart", text, names)
    if unit.stop_signal != "SIGTERM":
        text = f"{unit.stop_signal}: the image must set it (STOPSIGNAL)"
        yield Remark(CHANGED, "stopSignal", text, names)
    yield from unsupported_probe_remarks(unit)


def _secret_remarks(stack: Stack) -> Iterator[Remark]:
    files = dict.fromkeys(file.path for unit in stack.units for file in unit.files)
    for path in files:
        name = _secret_of(VariableFile(path, required=False), stack)
        shown = path.removeprefix(f"{stack.root.rstrip('/')}/")
        command = f"kubectl create secret generic {name} --from-env-file={quote(shown)}"
        yield Remark(INFO, "secrets", f"create a secret from {shown}: {command}")
    keys = {key for unit in stack.units for key in unit.passed}
    keys |= {hidden.key for unit in stack.units for hidden in unit.hidden.values()}
    if keys:
        name = f"{_secret(compose_name(stack.project, stack.namespace))}-outside"
        words = " ".join(f'--from-literal={key}="${key}"' for key in sorted(keys))
        text = f"create a secret from variables: kubectl create secret generic {name} {words}"
        yield Remark(INFO, "secrets", text)


def _hidden_variable(name: str, hidden: Hidden, secret: str) -> list[Manifest]:
    chosen = {"secretKeyRef": {"name": secret, "key": hidden.key}}
    if not hidden.before and not hidden.after:
        return [{"name": name, "valueFrom": chosen}]
    # Kubernetes substitutes variables that stand before this one.
    text = f"{_escaped(hidden.before)}$({hidden.key}){_escaped(hidden.after)}"
    return [{"name": hidden.key, "valueFrom": chosen}, {"name": name, "value": text}]


def _secret_of(file: VariableFile, stack: Stack) -> str:
    shown = file.path.removeprefix(f"{stack.root.rstrip('/')}/")
    return f"{_secret(compose_name(stack.project, stack.namespace))}-{label_of(shown)}"


def _secret(name: str) -> str:
    return name.replace("_", "-").strip("-")


def _escaped(text: str) -> str:
    """Escape a text so that Kubernetes substitutes no variables: `$(X)` is one, and `$$` is `$`."""
    return re.sub(r"\$(?=[$(])", "$$", text)
