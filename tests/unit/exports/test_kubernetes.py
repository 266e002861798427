"""A stack as manifests for Kubernetes."""

import re
from typing import Any

import pytest
import yaml

from portweave.errors import ExportNameError
from portweave.exports.kubernetes import export
from portweave.exports.kubernetes_model import ClusterOptions, namespace_of
from portweave.exports.model import Hidden, Unit
from portweave.supervisor.services.plan import (
    Condition,
    Need,
    ReadyPlan,
    RestartPolicy,
    When,
)
from tests.support.export_samples import (
    ENV_FILE,
    stack,
    unit,
)

PLAIN = ClusterOptions()
# What a stack has besides its services.
WHOLE = ("Namespace", "ConfigMap", "ServiceAccount", "Role", "RoleBinding")


def manifests(
    *units: Unit, options: ClusterOptions = PLAIN, **changes: object
) -> dict[tuple[str, str], Any]:
    return {
        (document["kind"], document["metadata"]["name"]): document
        for _, text in export(stack(*units, **changes), options).files
        for document in yaml.safe_load_all(text)
    }


def workloads(*units: Unit, **changes: object) -> dict[tuple[str, str], Any]:
    found = manifests(*units, **changes)  # type: ignore[arg-type]
    return {key: document for key, document in found.items() if key[0] not in WHOLE}


def notes_of(*units: Unit) -> list[str]:
    return [remark.sentence() for remark in export(stack(*units)).remarks]


def container(**changes: object) -> dict[str, Any]:
    found = workloads(unit(**changes))
    [main] = next(iter(found.values()))["spec"]["template"]["spec"]["containers"]
    return main  # type: ignore[no-any-return]


def test_a_service_is_a_deployment_and_a_service_that_selects_its_pods() -> None:
    found = workloads(unit(replicas=3), unit("web.2", replicas=3), unit("web.3", replicas=3))
    assert list(found) == [("Deployment", "web"), ("Service", "web")]
    deployment, service = found.values()
    labels = deployment["spec"]["template"]["metadata"]["labels"]
    assert deployment["spec"]["selector"]["matchLabels"] == labels
    assert service["spec"]["selector"] == labels
    assert deployment["spec"]["replicas"] == 3
    assert service["spec"]["ports"] == [{"name": "main", "port": 30001, "targetPort": 30001}]


def test_a_oneshot_service_is_a_job() -> None:
    once = unit("migrate", oneshot=True, port=None, restart=RestartPolicy(When.NO, None))
    again = unit("seed", oneshot=True, port=None, restart=RestartPolicy(When.ON_FAILURE, 4))
    found = workloads(once, again)
    assert [kind for kind, _ in found] == ["Job", "Job"]
    names = [name.rpartition("-") for _, name in found]
    assert [name for name, _, _ in names] == ["migrate", "seed"]
    assert all(re.fullmatch("[0-9a-f]{8}", number) for _, _, number in names)
    assert [one["spec"]["backoffLimit"] for one in found.values()] == [0, 4]
    assert all(
        one["spec"]["template"]["spec"]["restartPolicy"] == "Never" for one in found.values()
    )


@pytest.mark.parametrize(
    ("ready", "handler"),
    [
        (
            ReadyPlan(http="https://127.0.0.1:30001/up?x=1"),
            {"httpGet": {"path": "/up?x=1", "scheme": "HTTPS", "port": 30001}},
        ),
        (ReadyPlan(tcp=30001), {"tcpSocket": {"port": 30001}}),
        (ReadyPlan(exec=("ok", "x")), {"exec": {"command": ["ok", "x"]}}),
        (
            ReadyPlan(tcp=30001, exec=("ok", "a b")),
            {"exec": {"command": ["ok", "a b"]}},
        ),
    ],
)
def test_probes_tell_whether_it_is_ready(ready: ReadyPlan, handler: dict[str, object]) -> None:
    found = container(ready=ready)
    assert handler.items() <= found["readinessProbe"].items()
    # Only a condition that the user wrote may fail.
    assert "startupProbe" not in found
    assert "livenessProbe" not in found


def test_a_service_that_is_not_ready_in_time_fails() -> None:
    ready = ReadyPlan(tcp=30001, interval_s=2, timeout_s=31, written=True)
    found = container(ready=ready)
    assert found["startupProbe"]["failureThreshold"] == 16
    assert found["startupProbe"]["periodSeconds"] == 2
    assert found["readinessProbe"]["failureThreshold"] == 3


def test_variables_and_their_sources() -> None:
    found = container(
        files=(ENV_FILE,),
        in_files=frozenset({"WEB_PORT"}),
        passed=("API_KEY",),
        settled={"X": "1"},
    )
    assert found["env"] == [
        {"name": "X", "value": "1"},
        {
            "name": "API_KEY",
            "valueFrom": {
                "secretKeyRef": {"name": "shop-main-outside", "key": "API_KEY", "optional": True}
            },
        },
    ]
    assert found["envFrom"][-1:] == [{"secretRef": {"name": "shop-main-env", "optional": True}}]
    notes = notes_of(unit(files=(ENV_FILE,), passed=("API_KEY",)))
    assert any("create secret generic shop-main-env --from-env-file=.env" in n for n in notes)
    assert any('--from-literal=API_KEY="$API_KEY"' in note for note in notes)


@pytest.mark.parametrize(
    ("text", "written"),
    # https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/pod-v1/#Container
    [("$PORT", "$PORT"), ("$(date)", "$$(date)"), ("$$", "$$$"), ("$$(x)", "$$$$(x)")],
)
def test_kubernetes_substitutes_no_variables(text: str, written: str) -> None:
    found = container(argv=("run", text), settled={"X": text})
    assert found["args"] == ["run", written]
    assert found["env"][-1]["value"] == written
    assert expanded(written) == text


def expanded(text: str) -> str:
    """Expand a text as Kubernetes does (third_party/forked/golang/expansion)."""
    result, position = "", 0
    while position < len(text):
        if text[position] == "$" and text[position + 1 : position + 2] == "$":
            position += 1
        else:
            assert text[position : position + 2] != "$("
        result += text[position]
        position += 1
    return result


def test_it_waits_for_dependencies_with_a_port_and_notes_the_others() -> None:
    needs = (
        Need("api", Condition.READY),
        Need("api.2", Condition.READY),
        Need("mute", Condition.READY),
        Need("job", Condition.COMPLETED),
        Need("side", Condition.STARTED),
    )
    units = (
        unit("api", replicas=2, port=30005),
        unit("api.2", replicas=2, port=30006),
        unit("mute", port=None),
        unit("job", oneshot=True, port=None),
        unit("side"),
        unit("web", needs=needs),
    )
    found = manifests(*units)
    spec = found["Deployment", "web"]["spec"]["template"]["spec"]
    wait, job = spec["initContainers"]
    assert wait["name"] == "wait-api"
    assert "nc -z -w 1 api 30005" in wait["command"][2]
    # It waits for the Job of this very spec, with a token that only it has.
    [name] = [name for kind, name in found if kind == "Job"]
    assert f"/jobs/{name} " in job["command"][2]
    assert spec["serviceAccountName"] == "portweave-waiter"
    assert spec["automountServiceAccountToken"] is False
    assert [one["name"] for one in job["volumeMounts"]] == ["token"]
    assert "volumeMounts" not in spec["containers"][0]
    assert found["Role", "portweave-waiter"]["rules"] == [
        {"apiGroups": ["batch"], "resources": ["jobs"], "verbs": ["get"]}
    ]
    notes = notes_of(*units)
    for told in ("wait until side", "wait for mute", "share a port"):
        assert any(told in note for note in notes), told


def test_stop_signal_and_grace_period_of_a_pod() -> None:
    spec = manifests(unit(stop_grace_s=1.2, stop_signal="SIGINT"))["Deployment", "web"]["spec"]
    assert spec["template"]["spec"]["terminationGracePeriodSeconds"] == 2
    # WEB_PORT=tcp://… would replace ours.
    assert spec["template"]["spec"]["enableServiceLinks"] is False
    assert any("STOPSIGNAL" in n for n in notes_of(unit(stop_signal="SIGINT")))


def test_names_are_host_labels() -> None:
    assert ("Service", "my-api") in manifests(unit("My_Api"))
    assert ("Service", "s-2fast") in manifests(unit("2fast"))
    with pytest.raises(ExportNameError, match="My_Api and my-api would both get the name my-api"):
        export(stack(unit("My_Api"), unit("my-api")))
    with pytest.raises(ExportNameError, match="more than 63"):
        export(stack(unit("a" * 64)))


def test_nothing_is_an_alias() -> None:
    assert not any("&id" in text for _, text in export(stack(unit(), unit("api"))).files)


PORTS = {f"S{n}_PORT": str(30000 + n) for n in range(40)}


def variables_of(found: dict[tuple[str, str], Any], name: str) -> dict[str, str]:
    """The variables of a container, as Kubernetes resolves them: later ones win."""
    [main] = found["Deployment", name]["spec"]["template"]["spec"]["containers"]
    resolved: dict[str, str] = {}
    for source in main.get("envFrom", []):
        if "configMapRef" in source:
            resolved |= found["ConfigMap", source["configMapRef"]["name"]]["data"]
    return resolved | {one["name"]: one["value"] for one in main["env"]}


def test_a_large_stack_writes_shared_variables_once() -> None:
    own = {"LEVEL": "$(date)", "dotted.name": "1"}
    units = [unit(f"s{n}", defaults=PORTS | own, settled={"PORT": f"{n}"}) for n in range(39)]
    # It does not share this one.
    units.append(unit("s39", defaults=PORTS | own | {"S0_PORT": "1"}, settled={"LEVEL": "2"}))
    found = manifests(*units)
    for one in units:
        assert variables_of(found, one.name) == one.variables() | {"dotted.name": "1"}
    text = "".join(text for _, text in export(stack(*units)).files)
    assert text.count("S7_PORT") == 1
    assert text.count("S0_PORT") == 40


def test_files_of_variables_win_over_the_shared_ones() -> None:
    units = [unit(f"s{n}", defaults=PORTS, files=(ENV_FILE,)) for n in range(20)]
    [main] = manifests(*units)["Deployment", "s3"]["spec"]["template"]["spec"]["containers"]
    assert main["envFrom"] == [
        {"configMapRef": {"name": "shop-main-variables"}},
        {"secretRef": {"name": "shop-main-env", "optional": True}},
    ]


def test_a_changed_spec_is_another_job() -> None:
    def name(**changes: object) -> str:
        once = unit("migrate", oneshot=True, port=None, **changes)
        return next(name for kind, name in workloads(once) if kind == "Job")

    assert name() == name()
    long = workloads(unit("a" * 63, oneshot=True, port=None))
    assert {len(name) for _, name in long} == {63}
    assert name() != name(argv=("other",))
    assert name() != name(defaults={"WEB_PORT": "2"})


def test_data_makes_a_stateful_set_with_volumes_and_a_headless_service() -> None:
    server = unit("db", data=("/data", "/log"), user=999, server="postgres", hostname="db")
    found = workloads(server, options=ClusterOptions(storage="5Gi"))
    assert list(found) == [("StatefulSet", "db"), ("Service", "db")]
    spec = found["StatefulSet", "db"]["spec"]
    assert spec["serviceName"] == "db"
    assert found["Service", "db"]["spec"]["clusterIP"] == "None"
    claims = {one["metadata"]["name"]: one["spec"] for one in spec["volumeClaimTemplates"]}
    assert claims["data"]["resources"]["requests"]["storage"] == "5Gi"
    pod = spec["template"]["spec"]
    assert pod["containers"][0]["volumeMounts"] == [
        {"name": "data", "mountPath": "/data"},
        {"name": "data-2", "mountPath": "/log"},
    ]
    assert claims.keys() == {"data", "data-2"}
    assert pod["securityContext"]["fsGroup"] == pod["securityContext"]["runAsUser"] == 999
    assert pod["containers"][0]["securityContext"]["capabilities"] == {"drop": ["ALL"]}


def test_a_job_with_data_has_claims_of_its_own() -> None:
    found = workloads(unit("seed", oneshot=True, port=None, data=("/data",)))
    assert [kind for kind, _ in found] == ["Job", "PersistentVolumeClaim"]
    [job, claim] = found.values()
    [volume] = job["spec"]["template"]["spec"]["volumes"]
    assert volume["persistentVolumeClaim"]["claimName"] == claim["metadata"]["name"]


def test_an_image_that_may_need_root_keeps_its_user() -> None:
    [pod] = [one["spec"]["template"]["spec"] for one in workloads(unit()).values()
             if one["kind"] == "Deployment"]  # fmt: skip
    assert "runAsNonRoot" not in pod["securityContext"]
    assert "capabilities" not in pod["containers"][0]["securityContext"]
    assert pod["containers"][0]["imagePullPolicy"] == "IfNotPresent"
    assert pod["containers"][0]["resources"]["requests"]


def test_an_ingress_has_the_name_of_the_route() -> None:
    options = ClusterOptions(domain="shop.example.org", ingress_class="nginx")
    found = manifests(unit(hostname="www"), unit("api"), options=options)
    assert ("Ingress", "api") not in found
    spec = found["Ingress", "web"]["spec"]
    assert spec["ingressClassName"] == "nginx"
    [rule] = spec["rules"]
    assert rule["host"] == "www.shop.example.org"
    backend = rule["http"]["paths"][0]["backend"]["service"]
    assert backend == {"name": "web", "port": {"number": 30001}}
    plain = manifests(unit(hostname="www"))["Ingress", "web"]["spec"]
    assert "ingressClassName" not in plain


def test_every_object_is_in_the_namespace_of_the_worktree() -> None:
    found = manifests(unit(), namespace="a_b")
    assert found.pop(("Namespace", "shop-a-b"))
    assert {one["metadata"]["namespace"] for one in found.values()} == {"shop-a-b"}
    assert len(namespace_of(stack(project="p" * 63, namespace="n" * 63))) <= 63
    # `kubectl apply -f DIR` takes the files in this order.
    files = [name for name, _ in export(stack(unit(), unit("s0"))).files]
    assert min(files) == "0.namespace.yaml"
    assert export(stack()).files == ()


def test_a_kustomize_base_has_no_namespace_and_an_overlay_sets_it() -> None:
    result = export(stack(unit(), unit("api")), ClusterOptions(kustomize=True))
    files = {name: list(yaml.safe_load_all(text)) for name, text in result.files}
    [base] = files["base/kustomization.yaml"]
    assert {f"base/{name}" for name in base["resources"]} == {
        name for name in files if name.startswith("base/")
    } - {"base/kustomization.yaml"}
    [overlay] = files["overlays/main/kustomization.yaml"]
    assert overlay["namespace"] == "shop-main"
    assert overlay["resources"] == ["0.namespace.yaml", "../../base"]
    assert "namespace" not in files["base/web.yaml"][0]["metadata"]


def test_calls_go_over_a_server_that_is_exported_or_given() -> None:
    callers = {"web": False, "till": True}
    units = (unit(), unit("till", port=None))
    found = manifests(*units, callers=callers)
    assert ("StatefulSet", "portweave-bus") in found
    [main] = found["Deployment", "web"]["spec"]["template"]["spec"]["containers"]
    env = {one["name"]: one.get("value") for one in main["env"]}
    assert env["PORTWEAVE_HUB"] == "nats://portweave-bus:4222"
    assert (env["PORTWEAVE_REALM"], env["PORTWEAVE_PROJECT"]) == ("shop-main", "shop")
    secret = ClusterOptions(bus="nats://me:pw@bus.example.org:4222")
    found = manifests(*units, callers=callers, options=secret)
    assert ("StatefulSet", "portweave-bus") not in found
    [main] = found["Deployment", "web"]["spec"]["template"]["spec"]["containers"]
    [hub] = [one for one in main["env"] if one["name"] == "PORTWEAVE_HUB"]
    assert hub["valueFrom"]["secretKeyRef"]["key"] == "PORTWEAVE_HUB"
    told = export(stack(*units, callers=callers), secret).remarks
    assert [one.names for one in told if (one.kind, one.key) == ("lost", "calls")] == [("till",)]
    assert not any("pw@" in one.text for one in told)


def test_secrets_are_references() -> None:
    hidden = {"URL": Hidden("URL_PASSWORD", "x://u:", "@h/$(a)"), "KEY": Hidden("A_KEY")}
    env = container(hidden=hidden)["env"][-3:]
    assert [one["name"] for one in env] == ["URL_PASSWORD", "URL", "KEY"]
    assert env[1]["value"] == "x://u:$(URL_PASSWORD)@h/$$(a)"
    assert env[2]["valueFrom"]["secretKeyRef"] == {"name": "shop-main-outside", "key": "A_KEY"}
    notes = notes_of(unit(hidden=hidden))
    assert any('--from-literal=A_KEY="$A_KEY" --from-literal=URL_' in note for note in notes)
