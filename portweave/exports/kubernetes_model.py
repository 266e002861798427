"""Pure. What the modules of the Kubernetes export share: names, labels and settings."""

import hashlib
import json
import re
from collections.abc import Mapping

from portweave.encoding.value import field, value
from portweave.exports.model import Stack, Unit, label_of
from portweave.planning.environment_layers import compose_name
from portweave.supervisor.services.plan import Condition

# RFC 1035, section 2.3.4: the longest label; a Service's name is also part of variable names.
LONGEST = 63
MANAGED = {"app.kubernetes.io/managed-by": "portweave"}
CALLERS_BUS = "portweave-bus"
BUS_PORT = 4222
Manifest = dict[str, object]


@value
class ClusterOptions:
    """Settings of the command line for Kubernetes.

    Attributes:
        storage: The size of each volume, as Kubernetes writes it.
        domain: What follows a service's name in the host names of an Ingress.
        ingress_class: The class of the Ingress; empty for the cluster's default.
        wait_image: The image of containers that wait; it has sh, nc and curl.
        bus: The URL of a NATS server for calls; empty for a server of the export.
        kustomize: Whether to write a base and an overlay.
    """

    storage: str = "1Gi"
    domain: str = "localhost"
    ingress_class: str = ""
    wait_image: str = "curlimages/curl:8.14.1"
    bus: str = ""
    kustomize: bool = False


@value
class Plan:
    """A stack on its way to manifests.

    Attributes:
        stack: The stack.
        units: The first instance of each service, by service; pods have own addresses.
        labels: The name of each service in the cluster.
        shared: The variables in the ConfigMap.
        shared_hash: It changes with them.
        namespace: The Namespace of the worktree.
        options: The settings.
        jobs: The name of each Job, by service, once it is known.
        rests: What `rest_of` has found, by the identity of a mapping.
    """

    stack: Stack
    units: Mapping[str, Unit]
    labels: Mapping[str, str]
    shared: Mapping[str, str]
    shared_hash: str
    namespace: str
    options: ClusterOptions = ClusterOptions()
    jobs: dict[str, str] = field(default_factory=dict[str, str])
    rests: dict[int, dict[str, str]] = field(default_factory=dict[int, dict[str, str]])

    def rest_of(self, unit: Unit) -> Mapping[str, str]:
        """Return the defaults of a unit that are not in the ConfigMap."""
        defaults = unit.kept_defaults()
        if defaults is not unit.defaults:
            return {name: text for name, text in defaults.items() if name not in self.shared}
        # Units share their mappings, which the plan keeps alive.
        if id(defaults) not in self.rests:
            rest = {name: text for name, text in defaults.items() if name not in self.shared}
            self.rests[id(defaults)] = rest
        return self.rests[id(defaults)]


def namespace_of(stack: Stack) -> str:
    """Return the Namespace of a worktree, which also begins the names of its secrets."""
    name = compose_name(stack.project, stack.namespace).replace("_", "-").strip("-")
    if len(name) <= LONGEST:
        return name
    return f"{name[: LONGEST - 9].rstrip('-')}-{short_hash(name)}"


def secret_of(stack: Stack, what: str) -> str:
    """Return the name of a secret."""
    return f"{namespace_of(stack)}-{what}"


def file_secret_of(stack: Stack, path: str) -> str:
    """Return the name of the secret with the variables of a file."""
    return secret_of(stack, label_of(path.removeprefix(f"{stack.root.rstrip('/')}/")))


def stack_labels(stack: Stack) -> dict[str, str]:
    """Return the labels that all objects of a stack have."""
    return {
        "app.kubernetes.io/part-of": label_of(stack.project)[:LONGEST].rstrip("-"),
        "app.kubernetes.io/instance": label_of(stack.namespace)[:LONGEST].rstrip("-"),
    }


def metadata_of(stack: Stack, name: str, part: str = "") -> Manifest:
    """Return the metadata of an object.

    Args:
        stack: The stack.
        name: The object's name.
        part: The name of its service; empty for an object of the whole stack.
    """
    own = {"app.kubernetes.io/name": part} if part else {}
    return {"name": name, "labels": {**own, **stack_labels(stack), **MANAGED}}


def short_hash(what: object) -> str:
    """Return eight hexadecimal digits that change with a value."""
    text = json.dumps(what, sort_keys=True, ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()[:8]


def needed(unit: Unit, condition: Condition) -> list[str]:
    """Return the services that a unit needs in a condition, each once."""
    names = [need.instance.partition(".")[0] for need in unit.needs if need.condition is condition]
    return list(dict.fromkeys(names))


def is_stateful(unit: Unit) -> bool:
    """Whether a service has data, and so becomes a StatefulSet."""
    return bool(unit.data) and not unit.oneshot


def escaped(text: str) -> str:
    """Escape a text so that Kubernetes substitutes no variables: `$(X)` is one, and `$$` is `$`."""
    return re.sub(r"\$(?=[$(])", "$$", text) if "$" in text else text
