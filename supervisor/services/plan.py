"""Pure. The plan of a stack as values: made once from definitions, ports and environment."""

from collections.abc import Container, Iterable, Mapping
from dataclasses import field
from enum import StrEnum

from portweave.encoding.value import value
from portweave.supervisor.diagnosis.fixed_port import FixedPort


class Condition(StrEnum):
    """What a dependency has to have reached before its dependents start."""

    STARTED = "started"
    READY = "ready"
    COMPLETED = "completed"


class When(StrEnum):
    """After which ends a service is started again."""

    NO = "no"
    ON_FAILURE = "on-failure"
    ALWAYS = "always"


@value
class RestartPolicy:
    """When to start again, and how often.

    Attributes:
        when: After which ends.
        limit: How many restarts without a reset are allowed; None for any number.
        pauses_s: Before the first restart since a reset, the second and so on, the last of them
            before all others; empty for pauses that grow.
    """

    when: When
    limit: int | None
    pauses_s: tuple[float, ...] = ()


@value
class Need:
    """One instance that another waits for."""

    instance: str
    condition: Condition


@value
class ReadyPlan:
    """How it is known that an instance is up. All that is set must hold.

    Attributes:
        http: An absolute URL that answers 2xx or 3xx.
        tcp: A port that a process of the instance listens on.
        exec: A command that exits 0.
        log: A pattern found in a line of this run.
        notify: Whether it says so itself (sd_notify(3)).
        interval_s: The longest pause between two probes until it is ready.
        calm_s: The pause between two probes once it is ready, while nothing happens.
        timeout_s: How long it may take.
        written: Whether the user asked for it; if not, it was inferred, and being late is no
            failure.
        guessed: Whether it is guessed, from the script that it runs, that it listens on its port:
            without a listener it is ready at the timeout all the same.
    """

    http: str | None = None
    tcp: int | None = None
    exec: tuple[str, ...] | None = None
    log: str | None = None
    notify: bool = False
    interval_s: float = 2.0
    calm_s: float = 30.0
    timeout_s: float = 60.0
    written: bool = False
    guessed: bool = False

    @property
    def probes(self) -> bool:
        """Whether there is anything to ask; a line of the log comes by itself."""
        return self.http is not None or self.tcp is not None or self.exec is not None


@value
class InstancePlan:
    """One process of a service.

    Attributes:
        name: `web`, or `web.2` when scaled.
        service: Name of the service.
        number: From 1.
        full_name: `<name>-<namespace>`.
        argv: What to execute.
        command: As the user wrote it, for messages.
        working_dir: Absolute.
        environment: All of it, but for what each start adds.
        port: None for a service without one.
        url: Where it is reached, as it is told itself; None without a port, or where it does not
            speak HTTP.
        hostname: Name of its route; None where it has none.
        wildcard: Whether the names below that one are for it too.
        needs: What has to be there first.
        ready: How it is known that it is up.
        restart: When it is started again.
        oneshot: Whether it is meant to end.
        tty: Whether it has a terminal of its own, and not pipes; None to leave that to who reads.
        stop_signal: The signal that asks it to end.
        stop_grace_s: From that signal to SIGKILL.
        watch: Absolute paths and globs whose change restarts it.
        fixed_ports: Ports that its command and scripts have as numbers.
    """

    name: str
    service: str
    number: int
    full_name: str
    argv: tuple[str, ...]
    command: str
    working_dir: str
    environment: Mapping[str, str] = field(default_factory=dict[str, str])
    port: int | None = None
    url: str | None = None
    hostname: str | None = None
    wildcard: bool = False
    needs: tuple[Need, ...] = ()
    ready: ReadyPlan = ReadyPlan()
    restart: RestartPolicy = RestartPolicy(When.ON_FAILURE, 10)
    oneshot: bool = False
    tty: bool | None = None
    stop_signal: int = 15
    stop_grace_s: float = 10.0
    watch: tuple[str, ...] = ()
    fixed_ports: tuple[FixedPort, ...] = ()


@value
class CallsPlan:
    """What the hub of calls is to know besides the instances.

    Attributes:
        default: The service that gets what is addressed to nobody else; None for none.
        silent: Services that only ask.
        options: Told to whoever joins; values of JSON.
        message_bytes: The longest message.
        concurrency: How many requests a connection works on at a time that does not say so.
        queue: How many requests may wait for such a connection besides.
        timeout_s: For requests that do not say how long they may take; None for any time.
    """

    default: str | None = None
    silent: frozenset[str] = frozenset()
    options: Mapping[str, object] = field(default_factory=dict[str, object])
    message_bytes: int = 16 * 1024 * 1024
    concurrency: int = 64
    queue: int = 1024
    timeout_s: float | None = 30.0


@value
class StackPlan:
    """All instances of one worktree.

    Attributes:
        project: Name of the project.
        namespace: `main`, or `<slug>-<hash>`.
        root: The worktree's root.
        instances: In the order of the definition files.
        wanted: Names of those that are to be started.
        left_out: (service, why) of those that are not started by themselves.
        warnings: Told once at the start.
        calls: What the hub of calls is to know.
        main_root: The root of the project's main worktree; empty where that is not known.
    """

    project: str
    namespace: str
    root: str
    instances: tuple[InstancePlan, ...]
    wanted: frozenset[str]
    left_out: tuple[tuple[str, str], ...] = ()
    warnings: tuple[str, ...] = ()
    calls: CallsPlan = CallsPlan()
    main_root: str = ""


def time_to_ready_s(instances: Iterable[InstancePlan], names: Container[str]) -> float:
    """How long instances may take to be ready, what they wait for included.

    Each may take its own time, from when what it needs has come; so it is the longest way that ends
    at one of them. A job that is to complete counts as if it had to be ready.

    Args:
        instances: All of a stack.
        names: Of those that are meant.
    """
    # Only who waits for a whole stack has to know.
    from graphlib import TopologicalSorter

    plans = {plan.name: plan for plan in instances}
    sorter = TopologicalSorter({name: _needed(plan, plans) for name, plan in plans.items()})
    starts_s: dict[str, float] = {}
    ready_s: dict[str, float] = {}
    for name in sorter.static_order():
        plan = plans[name]
        after_s = [
            (starts_s if need.condition is Condition.STARTED else ready_s)[need.instance]
            for need in plan.needs
            if need.instance in plans
        ]
        starts_s[name] = max(after_s, default=0.0)
        ready_s[name] = starts_s[name] + plan.ready.timeout_s
    return max((ready_s[name] for name in plans if name in names), default=0.0)


def _needed(plan: InstancePlan, known: Container[str]) -> list[str]:
    return [need.instance for need in plan.needs if need.instance in known]
