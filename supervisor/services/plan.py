"""Pure. The plan of a stack, made from definitions, ports and environment."""

from collections.abc import Container, Iterable, Mapping
from enum import StrEnum

from portweave.encoding.value import field, value
from portweave.supervisor.diagnosis.fixed_port import FixedPort


class Condition(StrEnum):
    """What a dependency must reach before its dependents start."""

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
    """When to start a service again, and how often.

    Attributes:
        when: After which ends.
        limit: The number of restarts without a reset; None for any number.
        pauses_s: The pauses before the restarts since a reset. The last one repeats. Empty for
            pauses that grow.
    """

    when: When
    limit: int | None
    pauses_s: tuple[float, ...] = ()


@value
class Need:
    """An instance that another one waits for, and the condition that it must reach."""

    instance: str
    condition: Condition


@value
class ReadyPlan:
    """When an instance counts as ready. All that is set must hold.

    Attributes:
        http: An absolute URL that answers 2xx or 3xx.
        tcp: A port that a process of the instance listens on.
        exec: A command that exits 0.
        log: A pattern found in a line of this run.
        notify: Whether it must send READY=1 (sd_notify(3)).
        interval_s: The longest pause between two probes until it is ready.
        calm_s: The pause between two probes once it is ready, while nothing happens.
        timeout_s: How long it may take.
        written: Whether the user asked for it. If portweave inferred it, being late is no failure.
        guessed: Whether portweave guessed, from the script, that it listens on its port. Then it
            counts as ready at the timeout without a listener too.
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
        """Whether there is anything to probe. A line of the log needs no probe."""
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
        environment: All of it, without the variables that each start adds.
        port: None for a service without one.
        url: The URL that it is told; None without a port, or without HTTP.
        hostname: Name of its route; None for none.
        wildcard: Whether its route takes all names below `hostname` too.
        needs: What it waits for.
        ready: When it counts as ready.
        restart: When it is started again.
        oneshot: Whether it is a job, which is meant to end.
        tty: Whether it has a terminal instead of pipes; None for the stack's policy.
        stop_signal: The signal that stops it.
        stop_grace_s: The time from that signal to SIGKILL.
        watch: Absolute paths and globs whose change restarts it.
        fixed_ports: Ports that stand as numbers in its command or scripts.
        hook: Whether it is a hook of the stack, and no service.
        stamp: Identifies the inputs of the hook `setup`; empty for all others.
        last: Whether it starts only when the stack is closed and all others have ended.
        exported: Whether members of the bus may call it.
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
    hook: bool = False
    stamp: str = ""
    last: bool = False
    exported: bool = False


@value
class BusPlan:
    """The bus that carries calls to other stacks and machines.

    Attributes:
        urls: URLs of its servers; the first that answers is taken.
        realm: The members that answer each other's calls.
        project: The project's name.
        namespace: The worktree's namespace.
        credentials: Path of a NATS credentials file; empty for none.
        ca: Path of the certificates that check the server's; empty for the system's.
        cert: Path of a certificate for the server; empty for none.
        key: Path of its key; empty for none.
        env: The environment's name. Tracebacks are told in `development` alone.
    """

    urls: tuple[str, ...]
    realm: str
    project: str
    namespace: str
    credentials: str = ""
    ca: str = ""
    cert: str = ""
    key: str = ""
    env: str = "development"


@value
class CallsPlan:
    """The settings of the hub of calls.

    Attributes:
        default: The service that gets requests to no other service; None for none.
        silent: Services that only send requests, and answer none.
        options: Passed to each service that connects; values of JSON.
        message_bytes: The longest message.
        concurrency: How many requests a connection answers at a time, by default.
        queue: How many more requests may wait for it, by default.
        timeout_s: How long a request may take, by default; None for any time.
        bus: The bus that carries calls to other stacks and machines; None for none.
    """

    default: str | None = None
    silent: frozenset[str] = frozenset()
    options: Mapping[str, object] = field(default_factory=dict[str, object])
    message_bytes: int = 16 * 1024 * 1024
    concurrency: int = 64
    queue: int = 1024
    timeout_s: float | None = 30.0
    bus: BusPlan | None = None


@value
class StackPlan:
    """All instances of one worktree.

    Attributes:
        project: Name of the project.
        namespace: `main`, or `<slug>-<hash>`.
        root: The worktree's root.
        instances: In the order of the definition files.
        wanted: Names of the instances to start.
        left_out: (service, why) for each service that does not start by itself.
        warnings: Reported once at the start.
        calls: The settings of the hub of calls.
        main_root: The root of the project's main worktree; empty where that is not known.
        done: Names of hooks that have completed already, in an earlier run.
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
    done: frozenset[str] = frozenset()


def time_to_ready_s(instances: Iterable[InstancePlan], names: Container[str]) -> float:
    """How long instances may take to be ready, with the instances that they wait for.

    The time of each begins when its needs are met, so this is the longest path of needs. A need
    that must complete counts as if it had to be ready.

    Args:
        instances: All instances of a stack.
        names: The instances that should be ready.
    """
    # Imported here: only commands that wait for a whole stack need it.
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
