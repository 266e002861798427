"""Pure. How an instance is run and probed, as an object of JSON for clients."""

from collections.abc import Mapping

from portweave.supervisor.reporting.redact import hide
from portweave.supervisor.reporting.status_rows import rfc3339
from portweave.supervisor.services.plan import InstancePlan, ReadyPlan
from portweave.supervisor.services.readiness_rules import Answer, Failed


def description(
    plan: InstancePlan, answers: Mapping[str, tuple[Answer, float]]
) -> dict[str, object]:
    """The plan of an instance, and the last answers of its probes; secrets are masked.

    Args:
        plan: Its plan.
        answers: By kind of probe: the last answer, and when it came in seconds since the epoch.
    """
    limit = plan.restart.limit
    return {
        "name": plan.name,
        "command": hide(plan.command, plan.environment),
        "workingDir": plan.working_dir,
        "port": plan.port,
        "hostname": plan.hostname,
        "oneshot": plan.oneshot,
        "restart": str(plan.restart.when) + ("" if limit is None else f":{limit}"),
        "stopSignal": plan.stop_signal,
        "stopGraceS": plan.stop_grace_s,
        "watch": list(plan.watch),
        "needs": [{"name": need.instance, "condition": str(need.condition)} for need in plan.needs],
        "probes": [
            {
                "kind": kind,
                "target": hide(target, plan.environment),
                **_answer(answers.get(kind), plan.environment),
            }
            for kind, target in _probes(plan.ready)
        ],
    }


def _answer(
    found: tuple[Answer, float] | None, environment: Mapping[str, str]
) -> dict[str, object]:
    """The fields of a probe's answer; all None where it has not been asked."""
    if found is None:
        return {"passed": None, "reason": None, "at": None}
    answer, at_s = found
    reason = hide(answer.reason, environment) if isinstance(answer, Failed) else None
    return {"passed": reason is None, "reason": reason, "at": rfc3339(at_s)}


def _probes(ready: ReadyPlan) -> list[tuple[str, str]]:
    """The kind and the target of each probe, in the order in which they are asked."""
    found: list[tuple[str, str]] = []
    if ready.log is not None:
        found.append(("log", ready.log))
    if ready.notify:
        found.append(("notify", "READY=1"))
    if ready.tcp is not None:
        found.append(("tcp", str(ready.tcp)))
    if ready.http is not None:
        found.append(("http", ready.http))
    if ready.exec is not None:
        found.append(("exec", " ".join(ready.exec)))
    return found
