"""A stack as manifests for Kubernetes."""

from typing import Any

import pytest
import yaml

from portweave.errors import ExportNameError
from portweave.exports.kubernetes import export
from portweave.exports.model import Unit
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


def manifests(*units: Unit) -> dict[tuple[str, str], Any]:
    return {
        (document["kind"], document["metadata"]["name"]): document
        for _, text in export(stack(*units)).files
        for document in yaml.safe_load_all(text)
    }


def notes_of(*units: Unit) -> list[str]:
    return [remark.sentence() for remark in export(stack(*units)).remarks]


def container(**changes: object) -> dict[str, Any]:
    found = manifests(unit(**changes))
    [main] = next(iter(found.values()))["spec"]["template"]["spec"]["containers"]
    return main  # type: ignore[no-any-return]


def test_a_service_is_a_deployment_and_a_service_that_selects_its_pods() -> None:
    found = manifests(unit(replicas=3), unit("web.2", replicas=3), unit("web.3", replicas=3))
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
    found = manifests(once, again)
    assert list(found) == [("Job", "migrate"), ("Job", "seed")]
    assert [one["spec"]["backoffLimit"] for one in found.values()] == [0, 4]
    assert all(
        one["spec"]["template"]["spec"]["restartPolicy"] == "Never" for one in found.values()
    )


@pytest.mark.parametrize(
    ("ready", "handler"),
    [
        (
            ReadyPlan(http="https://127.0.0.1:30001/up?x=1"),
            {"httpGet": {"path": "/up?x=1", "port": 30001, "scheme": "HTTPS"}},
        ),
        (ReadyPlan(tcp=30001), {"tcpSocket": {"port": 30001}}),
        (ReadyPlan(exec=("ok", "x")), {"exec": {"command": ["ok", "x"]}}),
        (
            ReadyPlan(tcp=30001, exec=("ok", "a b")),
            {"exec": {"command": ["/bin/sh", "-c", "nc -z 127.0.0.1 30001 && ok 'a b'"]}},
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
        files=(ENV_FILE,), in_files=frozenset({"WEB_PORT"}), passed=("API_KEY",), settled={"X": "1"}
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
    assert found["envFrom"] == [{"secretRef": {"name": "shop-main-env", "optional": True}}]
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
    spec = manifests(*units)["Deployment", "web"]["spec"]["template"]["spec"]
    [wait] = spec["initContainers"]
    assert wait["name"] == "wait-api"
    assert "nc -z -w 1 api 30005" in wait["command"][2]
    notes = notes_of(*units)
    for told in ("wait for job: kubectl wait", "wait until side", "wait for mute", "share a port"):
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
    [(_, text)] = export(stack(unit())).files
    assert "&id" not in text


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


def test_each_file_of_a_small_stack_can_be_applied_alone() -> None:
    assert ("ConfigMap", "shop-main-variables") not in manifests(unit("a"), unit("b"))
    assert export(stack()).files == ()
