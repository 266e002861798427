"""Pure. Write a stack as Kubernetes manifests.

A service becomes a Deployment, a StatefulSet or a Job, with a Service and an Ingress.
https://kubernetes.io/docs/reference/kubernetes-api/
"""

import re
from collections.abc import Iterator, Mapping

from portweave.exports.kubernetes_model import (
    BUS_PORT,
    CALLERS_BUS,
    LONGEST,
    ClusterOptions,
    Manifest,
    Plan,
    is_stateful,
    metadata_of,
    namespace_of,
    needed,
    short_hash,
    stack_labels,
)
from portweave.exports.kubernetes_pods import (
    WAITER,
    claim_name,
    config_name,
    pod_template,
    volume_name,
)
from portweave.exports.kubernetes_remarks import stack_remarks, unit_remarks
from portweave.exports.model import (
    Exported,
    Stack,
    Unit,
    export_line_remarks,
    header,
    label_of,
    labels_of,
)
from portweave.exports.remarks import Remark, merged
from portweave.exports.servers import BUS
from portweave.exports.yaml_text import as_yaml
from portweave.supervisor.services.plan import Condition, ReadyPlan, RestartPolicy, When

FORM = "kubernetes"
_PLAIN = ClusterOptions()
# `kubectl apply -f DIR` takes files by name: a digit comes before the name of any service.
_NAMESPACE_FILE = "0.namespace.yaml"
_SHARED_FILE = "0.variables.yaml"
_ROLE_FILE = "0.waiter.yaml"
# What a ConfigMap accepts as a key, as far as it is also the name of a variable.
_KEY = re.compile("[A-Za-z_][A-Za-z0-9_]*")


def export(stack: Stack, options: ClusterOptions = _PLAIN) -> Exported:
    """Return the manifests of a stack: a file for each service, and files for all of it.

    Args:
        stack: The stack, with its images.
        options: Settings of the command line.

    Raises:
        ExportNameError: Two services would get the same name.
    """
    # Each pod has its own address, so all may use the same port.
    units = {unit.service: unit for unit in stack.units if unit.number == 1}
    if not units:
        return Exported((), merged(stack.remarks))
    if stack.callers and not options.bus:
        units[CALLERS_BUS] = _bus_unit()
    labels = labels_of(units, label_of, LONGEST)
    shared = _shared_variables(list(units.values()))
    plan = Plan(
        stack, units, labels, shared, short_hash(dict(shared)), namespace_of(stack), options
    )
    workloads = {service: _workload(unit, plan) for service, unit in _in_order(units)}
    remarks = [
        *stack_remarks(plan),
        *export_line_remarks(stack.units, "kubectl"),
    ]
    files: dict[str, tuple[list[Manifest], tuple[Remark, ...]]] = {}
    for service, unit in units.items():
        own = merged(unit_remarks(unit, plan))
        documents = [workloads[service], *_volumes(unit, plan), *_entrances(unit, plan)]
        files[f"{labels[service]}.yaml"] = (documents, own)
        remarks += own
    told = merged(remarks)
    if plan.shared:
        data = {"data": dict(plan.shared)}
        config = _object("v1", "ConfigMap", plan, config_name(plan)) | data
        files = {_SHARED_FILE: ([config], ()), **files}
    if any(needed(unit, Condition.COMPLETED) for unit in units.values()):
        files = {_ROLE_FILE: (list(_rights(plan)), ()), **files}
    namespace = _object("v1", "Namespace", plan, plan.namespace)
    files = {_NAMESPACE_FILE: ([namespace], told), **files}
    texts = _kustomized(files, plan) if options.kustomize else _plain(files, plan)
    return Exported(tuple(texts), told)


Files = Mapping[str, tuple[list[Manifest], tuple[Remark, ...]]]


def _plain(files: Files, plan: Plan) -> Iterator[tuple[str, str]]:
    for name, (documents, own) in files.items():
        for document in documents:
            if document["kind"] != "Namespace":
                metadata = document["metadata"]
                assert isinstance(metadata, dict)
                document["metadata"] = {"namespace": plan.namespace, **metadata}
        yield name, header(FORM, own) + as_yaml(documents, starts="---\n")


def _kustomized(files: Files, plan: Plan) -> Iterator[tuple[str, str]]:
    """Return a base without a Namespace, and the overlay of the worktree."""
    overlay = f"overlays/{label_of(plan.stack.namespace)}"
    others: list[str] = []
    for name, (documents, own) in files.items():
        folder = overlay if name == _NAMESPACE_FILE else "base"
        if folder == "base":
            others.append(name)
        yield f"{folder}/{name}", header(FORM, own) + as_yaml(documents, starts="---\n")
    kind = {"apiVersion": "kustomize.config.k8s.io/v1beta1", "kind": "Kustomization"}
    base: Manifest = {**kind, "resources": others}
    top: Manifest = {
        **kind,
        "namespace": plan.namespace,
        "resources": [_NAMESPACE_FILE, "../../base"],
    }
    yield "base/kustomization.yaml", header(FORM, ()) + as_yaml([base])
    yield f"{overlay}/kustomization.yaml", header(FORM, ()) + as_yaml([top])


def _in_order(units: Mapping[str, Unit]) -> Iterator[tuple[str, Unit]]:
    """Return Jobs before what waits for them, whose pods have the Jobs' names."""
    done: set[str] = set()

    def walk(service: str) -> Iterator[tuple[str, Unit]]:
        if service in done:
            return
        done.add(service)
        for other in needed(units[service], Condition.COMPLETED):
            yield from walk(other)
        yield service, units[service]

    for service in units:
        yield from walk(service)


def _shared_variables(units: list[Unit]) -> Mapping[str, str]:
    """Return the variables that all services have, to write them once.

    Each service refers to the ports of all others: 1000 services would need a million entries.
    """
    first, *others = [unit.kept_defaults() for unit in units if not _is_bus(unit)] or [{}]
    common = {name: text for name, text in first.items() if _KEY.fullmatch(name)}
    for variables in others:
        if variables is first:
            continue
        if not common.items() <= variables.items():
            common = {n: text for n, text in common.items() if variables.get(n) == text}
    return common


def _object(version: str, kind: str, plan: Plan, name: str, part: str = "") -> Manifest:
    return {
        "apiVersion": version,
        "kind": kind,
        "metadata": metadata_of(plan.stack, name, part),
    }


def _workload(unit: Unit, plan: Plan) -> Manifest:
    name = plan.labels[unit.service]
    template = pod_template(unit, plan)
    if unit.oneshot:
        limit = unit.restart.limit
        retries = 0 if unit.restart.when is When.NO else 6 if limit is None else limit
        spec: Manifest = {"backoffLimit": retries, "template": template}
        # The template of a Job cannot change: another one is another Job.
        plan.jobs[unit.service] = f"{name[: LONGEST - 9].rstrip('-')}-{short_hash(spec)}"
        job = _object("batch/v1", "Job", plan, plan.jobs[unit.service], name)
        return job | {"spec": spec}
    selector = {"app.kubernetes.io/name": name, **stack_labels(plan.stack)}
    spec = {"replicas": unit.replicas, "selector": {"matchLabels": selector}, "template": template}
    if not is_stateful(unit):
        return _object("apps/v1", "Deployment", plan, name, name) | {"spec": spec}
    claims: list[Manifest] = [
        {"metadata": {"name": volume_name(number)}, "spec": _claim(plan)}
        for number in range(len(unit.data))
    ]
    spec = {"serviceName": name, **spec, "volumeClaimTemplates": claims}
    return _object("apps/v1", "StatefulSet", plan, name, name) | {"spec": spec}


def _claim(plan: Plan) -> Manifest:
    return {
        "accessModes": ["ReadWriteOnce"],
        "resources": {"requests": {"storage": plan.options.storage}},
    }


def _volumes(unit: Unit, plan: Plan) -> Iterator[Manifest]:
    """Return the claims of a Job, which has no templates of claims."""
    name = plan.labels[unit.service]
    for number in range(len(unit.data) if unit.oneshot else 0):
        claim = _object("v1", "PersistentVolumeClaim", plan, claim_name(name, number), name)
        yield claim | {"spec": _claim(plan)}


def _entrances(unit: Unit, plan: Plan) -> Iterator[Manifest]:
    name = plan.labels[unit.service]
    port = unit.port
    if port is None and not is_stateful(unit):
        return
    selector = {"app.kubernetes.io/name": name, **stack_labels(plan.stack)}
    # The Service of a StatefulSet is headless: its pods have names of their own.
    spec: Manifest = {"clusterIP": "None"} if is_stateful(unit) else {}
    spec["selector"] = selector
    if port is not None:
        spec["ports"] = [{"name": "main", "port": port, "targetPort": port}]
    yield _object("v1", "Service", plan, name, name) | {"spec": spec}
    if port is None or not unit.hostname or unit.server or unit.oneshot:
        return
    backend = {"service": {"name": name, "port": {"number": port}}}
    path = {"path": "/", "pathType": "Prefix", "backend": backend}
    rule = {"host": f"{unit.hostname}.{plan.options.domain}", "http": {"paths": [path]}}
    chosen = plan.options.ingress_class
    rules = {**({"ingressClassName": chosen} if chosen else {}), "rules": [rule]}
    yield _object("networking.k8s.io/v1", "Ingress", plan, name, name) | {"spec": rules}


def _rights(plan: Plan) -> Iterator[Manifest]:
    """Return the account of containers that wait for a Job: it may only get Jobs."""
    group = "rbac.authorization.k8s.io"
    yield _object("v1", "ServiceAccount", plan, WAITER) | {"automountServiceAccountToken": False}
    rule = {"apiGroups": ["batch"], "resources": ["jobs"], "verbs": ["get"]}
    yield _object(f"{group}/v1", "Role", plan, WAITER) | {"rules": [rule]}
    yield _object(f"{group}/v1", "RoleBinding", plan, WAITER) | {
        "roleRef": {"apiGroup": group, "kind": "Role", "name": WAITER},
        "subjects": [{"kind": "ServiceAccount", "name": WAITER, "namespace": plan.namespace}],
    }


def _is_bus(unit: Unit) -> bool:
    return unit.service == CALLERS_BUS


def _bus_unit() -> Unit:
    """Return the NATS server for calls between services."""
    return Unit(
        name=CALLERS_BUS,
        service=CALLERS_BUS,
        number=1,
        argv=("nats-server", "-p", str(BUS_PORT), "-sd", BUS.data),
        folder="/",
        port=BUS_PORT,
        needs=(),
        ready=ReadyPlan(tcp=BUS_PORT),
        restart=RestartPolicy(When.ALWAYS, None),
        oneshot=False,
        tty=False,
        stop_signal="SIGTERM",
        stop_grace_s=10.0,
        defaults={},
        settled={},
        passed=(),
        files=(),
        in_files=frozenset(),
        image=BUS.image,
        server=BUS.name,
        user=BUS.user,
        data=(BUS.data,),
    )
