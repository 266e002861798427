from portweave.encoding.value import replace
from portweave.supervisor.reporting.description import description
from portweave.supervisor.services.plan import Condition, InstancePlan, Need, ReadyPlan
from portweave.supervisor.services.readiness_rules import Answer, Failed, Passed

PLAN = InstancePlan(
    name="api",
    service="api",
    number=1,
    full_name="api-main",
    argv=("run",),
    command="run --token sk-very-secret",
    working_dir="/shop",
    environment={"API_KEY": "sk-very-secret"},
    port=30_001,
    needs=(Need("db", Condition.READY),),
)


def test_a_plan_is_described_without_its_secrets() -> None:
    found = description(PLAN, {})
    assert found["command"] == "run --token ***"
    assert found["needs"] == [{"name": "db", "condition": "ready"}]
    assert (found["restart"], found["probes"]) == ("on-failure:10", [])


def test_each_probe_has_its_last_answer() -> None:
    ready = ReadyPlan(
        http="http://127.0.0.1:30001/health",
        tcp=30_001,
        exec=("check", "it"),
        log="up",
        notify=True,
    )
    answers: dict[str, tuple[Answer, float]] = {
        "log": (Passed(), 0.0),
        "tcp": (Failed("sk-very-secret is wrong"), 1.5),
    }
    probes = description(replace(PLAN, ready=ready), answers)["probes"]
    unknown = {"passed": None, "reason": None, "at": None}
    assert probes == [
        {"kind": "log", "target": "up", "passed": True, "reason": None, "at": at(0)},
        {"kind": "notify", "target": "READY=1", **unknown},
        {"kind": "tcp", "target": "30001", "passed": False, "reason": "*** is wrong",
         "at": "1970-01-01T00:00:01.500Z"},
        {"kind": "http", "target": "http://127.0.0.1:30001/health", **unknown},
        {"kind": "exec", "target": "check it", **unknown},
    ]  # fmt: skip


def at(seconds: int) -> str:
    return f"1970-01-01T00:00:{seconds:02}.000Z"
