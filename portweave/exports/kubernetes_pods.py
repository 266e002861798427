"""Pure. Pods of Kubernetes: containers, variables, probes, waiting and rights.

https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/pod-v1/
"""

from collections.abc import Iterator
from urllib.parse import urlsplit

from portweave.exports.kubernetes_model import (
    BUS_PORT,
    CALLERS_BUS,
    LONGEST,
    Manifest,
    Plan,
    escaped,
    file_secret_of,
    needed,
    secret_of,
    stack_labels,
)
from portweave.exports.model import Hidden, Unit, is_own_url, whole_seconds
from portweave.supervisor.reporting.redact import is_secret
from portweave.supervisor.services.plan import Condition

WAITER = "portweave-waiter"
# The user of containers that wait: nobody.
_NOBODY = 65534
_TOKEN_FOLDER = "/var/run/secrets/portweave"  # noqa: S105 - a folder
_API = "https://kubernetes.default.svc/apis/batch/v1/namespaces"


def pod_template(unit: Unit, plan: Plan) -> Manifest:
    """Return the template of the pods of a service."""
    name = plan.labels[unit.service]
    labels = {"app.kubernetes.io/name": name, **stack_labels(plan.stack)}
    metadata: Manifest = {"labels": labels}
    if plan.shared:
        # Without it, pods would keep the old variables after a change.
        metadata["annotations"] = {"portweave/variables": plan.shared_hash}
    waits = list(_waits(unit, plan))
    volumes: list[Manifest] = []
    if needed(unit, Condition.COMPLETED):
        volumes.append(_token_volume())
    if unit.oneshot:
        for number in range(len(unit.data)):
            claim = {"claimName": claim_name(name, number)}
            volumes.append({"name": volume_name(number), "persistentVolumeClaim": claim})
    spec: Manifest = {
        **({"serviceAccountName": WAITER} if needed(unit, Condition.COMPLETED) else {}),
        "automountServiceAccountToken": False,
        "securityContext": _pod_security(unit),
        **({"initContainers": waits} if waits else {}),
        "containers": [_container(unit, plan)],
        **({"volumes": volumes} if volumes else {}),
        "restartPolicy": "Never" if unit.oneshot else "Always",
        "terminationGracePeriodSeconds": whole_seconds(unit.stop_grace_s),
        # The variables that Kubernetes creates for Services would replace ours: WEB_PORT=tcp://…
        "enableServiceLinks": False,
    }
    return {"metadata": metadata, "spec": spec}


def volume_name(number: int) -> str:
    """Return the name of a volume, from its number from 0."""
    return f"data-{number + 1}" if number else "data"


def claim_name(name: str, number: int) -> str:
    """Return the name of the claim for a volume of a Job."""
    return f"{name}-{volume_name(number)}"


def _container(unit: Unit, plan: Plan) -> Manifest:
    container: Manifest = {
        "name": plan.labels[unit.service],
        "image": unit.image,
        # Images that were loaded into a local cluster are in no registry.
        "imagePullPolicy": "IfNotPresent",
        "args": [escaped(word) for word in unit.argv],
    }
    if unit.cwd:
        container["workingDir"] = unit.cwd
    env = list(_variables(unit, plan))
    if env:
        container["env"] = env
    # Of two sources of a variable the later one wins, and `env` wins over both.
    sources: list[Manifest] = []
    if plan.shared:
        sources.append({"configMapRef": {"name": config_name(plan)}})
    for file in unit.files:
        chosen = {"name": file_secret_of(plan.stack, file.path), "optional": not file.required}
        sources.append({"secretRef": chosen})
    if sources:
        container["envFrom"] = sources
    if unit.port is not None:
        container["ports"] = [{"name": "main", "containerPort": unit.port}]
    if unit.tty:
        container["tty"] = True
    container |= probes_of(unit)
    if unit.data:
        container["volumeMounts"] = [
            {"name": volume_name(number), "mountPath": path}
            for number, path in enumerate(unit.data)
        ]
    container["resources"] = {
        "requests": {"cpu": "50m", "memory": "64Mi"},
        "limits": {"memory": "1Gi"},
    }
    container["securityContext"] = _container_security(unit.user)
    return container


def config_name(plan: Plan) -> str:
    """Return the name of the ConfigMap with the variables that all services share."""
    return secret_of(plan.stack, "variables")


def _pod_security(unit: Unit) -> Manifest:
    found: Manifest = {"seccompProfile": {"type": "RuntimeDefault"}}
    if unit.user is not None:
        # fsGroup: volumes belong to root otherwise.
        found |= {
            "runAsNonRoot": True,
            "runAsUser": unit.user,
            "runAsGroup": unit.user,
            "fsGroup": unit.user,
            "fsGroupChangePolicy": "OnRootMismatch",
        }
    return found


def _container_security(user: int | None) -> Manifest:
    found: Manifest = {"allowPrivilegeEscalation": False}
    # A program that starts as root may need rights to change its user.
    if user is not None:
        found["capabilities"] = {"drop": ["ALL"]}
    return found


def _variables(unit: Unit, plan: Plan) -> Iterator[Manifest]:
    for key, text in {**plan.rest_of(unit), **unit.settled}.items():
        if key not in unit.hidden:
            yield {"name": key, "value": escaped(text)}
    outside = secret_of(plan.stack, "outside")
    for name, hidden in unit.hidden.items():
        yield from _hidden_variable(name, hidden, outside)
    if plan.stack.callers:
        yield from _bus_variables(plan, outside)
    for key in unit.passed:
        chosen = {"name": outside, "key": key, "optional": True}
        yield {"name": key, "valueFrom": {"secretKeyRef": chosen}}


def _bus_variables(plan: Plan, secret: str) -> Iterator[Manifest]:
    url = plan.options.bus or f"nats://{CALLERS_BUS}:{BUS_PORT}"
    if is_secret("", url):
        yield from _hidden_variable("PORTWEAVE_HUB", Hidden("PORTWEAVE_HUB"), secret)
    else:
        yield {"name": "PORTWEAVE_HUB", "value": url}
    yield {"name": "PORTWEAVE_REALM", "value": plan.namespace}
    yield {"name": "PORTWEAVE_PROJECT", "value": plan.stack.project}


def _hidden_variable(name: str, hidden: Hidden, secret: str) -> Iterator[Manifest]:
    chosen = {"secretKeyRef": {"name": secret, "key": hidden.key}}
    if not hidden.before and not hidden.after:
        yield {"name": name, "valueFrom": chosen}
        return
    # Kubernetes substitutes variables that stand before this one.
    yield {"name": hidden.key, "valueFrom": chosen}
    text = f"{escaped(hidden.before)}$({hidden.key}){escaped(hidden.after)}"
    yield {"name": name, "value": text}


def probes_of(unit: Unit) -> Manifest:
    """Return the probes of a container; none for a Job."""
    handlers = handlers_of(unit)
    if not handlers or unit.oneshot:
        return {}
    ready = unit.ready
    period_s = max(1, whole_seconds(ready.interval_s))
    rest = {"periodSeconds": period_s, "timeoutSeconds": 5, "failureThreshold": 3}
    readiness = {**handlers[-1], **rest}
    if not ready.written:
        return {"readinessProbe": readiness}
    tries = max(1, whole_seconds(ready.timeout_s / period_s))
    # A pod that is not ready in time has failed; a later probe only removes it from its Service.
    startup = {**handlers[0], **rest, "failureThreshold": tries}
    return {"startupProbe": startup, "readinessProbe": readiness}


def handlers_of(unit: Unit) -> list[Manifest]:
    """Return the handlers of a unit's probes; they need no program that the image may lack."""
    ready = unit.ready
    found: list[Manifest] = []
    if ready.http is not None:
        parts = urlsplit(ready.http)
        path = f"{parts.path or '/'}{f'?{parts.query}' if parts.query else ''}"
        get: Manifest = {"path": path, "scheme": parts.scheme.upper()}
        get["port"] = parts.port or (443 if parts.scheme == "https" else 80)
        if parts.hostname not in ("127.0.0.1", "localhost", "::1"):
            get["host"] = parts.hostname
        found.append({"httpGet": get})
    if ready.tcp is not None and not (ready.http and is_own_url(ready.http, ready.tcp)):
        found.append({"tcpSocket": {"port": ready.tcp}})
    if ready.exec is not None:
        found.append({"exec": {"command": [escaped(word) for word in ready.exec]}})
    return found


def _waits(unit: Unit, plan: Plan) -> Iterator[Manifest]:
    """Return init containers that wait for dependencies; a Service leads only to ready pods."""
    for service in needed(unit, Condition.READY):
        port = plan.units[service].port
        if port is not None:
            name = plan.labels[service]
            loop = f"until nc -z -w 1 {name} {port}; do sleep 1; done"
            yield _waiting(name, loop, plan)
    for service in needed(unit, Condition.COMPLETED):
        job = plan.jobs[service]
        folder = _TOKEN_FOLDER
        asked = (
            f'curl -fsS --cacert {folder}/ca.crt -H "Authorization: Bearer $(cat {folder}/token)"'
            f" {_API}/$(cat {folder}/namespace)/jobs/{job}"
        )
        loop = f"""until {asked} | grep -Eq '"succeeded": *[1-9]'; do sleep 1; done"""
        mount = {"name": "token", "mountPath": folder, "readOnly": True}
        yield _waiting(plan.labels[service], loop, plan) | {"volumeMounts": [mount]}


def _waiting(name: str, loop: str, plan: Plan) -> Manifest:
    return {
        "name": f"wait-{name}"[:LONGEST].rstrip("-"),
        "image": plan.options.wait_image,
        "imagePullPolicy": "IfNotPresent",
        "command": ["/bin/sh", "-c", escaped(loop)],
        "resources": {
            "requests": {"cpu": "10m", "memory": "16Mi"},
            "limits": {"memory": "64Mi"},
        },
        "securityContext": {
            **_container_security(_NOBODY),
            "readOnlyRootFilesystem": True,
            "runAsNonRoot": True,
            "runAsUser": _NOBODY,
            "runAsGroup": _NOBODY,
        },
    }


def _token_volume() -> Manifest:
    """Return the volume with the token; only containers that wait for a Job mount it."""
    file = {"path": "namespace", "fieldRef": {"fieldPath": "metadata.namespace"}}
    sources: list[Manifest] = [
        {"serviceAccountToken": {"path": "token", "expirationSeconds": 3600}},
        {"configMap": {"name": "kube-root-ca.crt", "items": [{"key": "ca.crt", "path": "ca.crt"}]}},
        {"downwardAPI": {"items": [file]}},
    ]
    # The waiting user is not the user of the pod.
    return {"name": "token", "projected": {"sources": sources, "defaultMode": 0o444}}
