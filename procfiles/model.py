"""Pure. What definition files say, as values.

Plain classes with `__slots__`: importing `dataclasses` costs more than a whole `portweave run` may
take. They are made once, by the parsers, and never changed.
"""

TYPE_CHECKING = False  # `typing` costs as much as all of this
if TYPE_CHECKING:
    from collections.abc import Callable


class Origin:
    """Where something was defined.

    Args:
        path: The file, absolute.
        line: From 1.
        column: From 1.
        find: Finds line and column, in this order, when they are first asked for: few are, and
            finding them means to read the file again.
    """

    __slots__ = ("_column", "_find", "_line", "path")

    def __init__(
        self,
        path: str,
        line: int = 1,
        column: int = 1,
        *,
        find: "Callable[[], tuple[int, int]] | None" = None,
    ) -> None:
        self.path = path
        self._line = line
        self._column = column
        self._find = find

    @property
    def line(self) -> int:
        """The line, from 1."""
        self._look()
        return self._line

    @property
    def column(self) -> int:
        """The column, from 1."""
        self._look()
        return self._column

    def _look(self) -> None:
        if self._find is not None:
            find, self._find = self._find, None
            self._line, self._column = find()


class EnvFile:
    """A file of variables, `.env` syntax.

    Attributes:
        path: Absolute.
        required: Whether it is an error that it is missing.
    """

    __slots__ = ("path", "required")

    def __init__(self, path: str, *, required: bool = True) -> None:
        self.path = path
        self.required = required


class Dependency:
    """What a service waits for before it starts.

    Attributes:
        name: The other service.
        condition: `started`, `ready` or `completed`; always `completed` for a oneshot.
    """

    __slots__ = ("condition", "name")

    def __init__(self, name: str, condition: str) -> None:
        self.name = name
        self.condition = condition


class Ready:
    """How it is known that a service is up; several hold together.

    Attributes:
        http: A path (`/health`, on the service's own port) or a URL; templates still in it.
        tcp: True for the service's own port, or another port; None for no such probe.
        exec: A command (text for a shell, or a list) that exits 0.
        log: A regular expression searched in each line of this run, without escape sequences.
        notify: Whether the service says so itself (sd_notify(3)).
        interval_s: The longest pause between two probes until it is ready.
        calm_s: The pause between two probes once it is ready; the same where `interval` is written.
        timeout_s: How long it may take; None for the command line's `--timeout`.
    """

    __slots__ = ("calm_s", "exec", "http", "interval_s", "log", "notify", "tcp", "timeout_s")

    def __init__(
        self,
        *,
        http: str | None = None,
        tcp: bool | int | None = None,
        exec: str | tuple[str, ...] | None = None,  # noqa: A002
        log: str | None = None,
        notify: bool = False,
        interval_s: float = 2.0,
        calm_s: float = 30.0,
        timeout_s: float | None = None,
    ) -> None:
        self.http = http
        self.tcp = tcp
        self.exec = exec
        self.log = log
        self.notify = notify
        self.interval_s = interval_s
        self.calm_s = calm_s
        self.timeout_s = timeout_s


class Restart:
    """When a service that ended is started again.

    Attributes:
        policy: `no`, `on-failure` or `always`.
        limit: After how many restarts without a reset it is given up; None for the policy's own
            limit.
    """

    __slots__ = ("limit", "policy")

    def __init__(self, policy: str, limit: int | None = None) -> None:
        self.policy = policy
        self.limit = limit


class Service:
    """One named command and its settings.

    Attributes:
        name: As it is written.
        origin: Where it is defined.
        command: Text for `/bin/sh -c`, a list to execute as it is, or None where only ports are
            wanted.
        env_var: The variable that holds its port in every service's environment; None for a
            service without a port.
        group: Services of one group have neighbouring ports.
        discovery_env: (variable, template) pairs, in file order.
        working_dir: Absolute.
        environment: (variable, template) pairs, in file order; the value None passes the inherited
            one on.
        env_files: In file order; later ones win.
        depends_on: In file order.
        ready: None where nothing was said.
        restart: None where nothing was said.
        stop_signal: As `SIGTERM`.
        stop_grace_s: From the stop signal to SIGKILL.
        scale: How many instances.
        oneshot: Whether it is meant to end.
        on_request: Whether it is only started when named (`release` and `console` of a Procfile).
        profiles: It is only started when one of these is asked for; empty for always.
        framework: True to recognise it, False not to, or its name.
        hostname: Name of its route; None for the service's name, False for none.
        wildcard: Whether the names below that one are for it too.
        watch: Paths or globs whose change restarts it.
        tty: `auto`, `true` or `false`.
    """

    __slots__ = (
        "command",
        "depends_on",
        "discovery_env",
        "env_files",
        "env_var",
        "environment",
        "framework",
        "group",
        "hostname",
        "name",
        "on_request",
        "oneshot",
        "origin",
        "profiles",
        "ready",
        "restart",
        "scale",
        "stop_grace_s",
        "stop_signal",
        "tty",
        "watch",
        "wildcard",
        "working_dir",
    )

    def __init__(
        self,
        name: str,
        origin: Origin,
        *,
        command: str | tuple[str, ...] | None = None,
        env_var: str | None = None,
        group: str | None = None,
        discovery_env: tuple[tuple[str, str], ...] = (),
        working_dir: str = "",
        environment: tuple[tuple[str, str | None], ...] = (),
        env_files: tuple[EnvFile, ...] = (),
        depends_on: tuple[Dependency, ...] = (),
        ready: Ready | None = None,
        restart: Restart | None = None,
        stop_signal: str = "SIGTERM",
        stop_grace_s: float = 10.0,
        scale: int = 1,
        oneshot: bool = False,
        on_request: bool = False,
        profiles: tuple[str, ...] = (),
        framework: bool | str = True,
        hostname: str | bool | None = None,
        wildcard: bool = False,
        watch: tuple[str, ...] = (),
        tty: str = "auto",
    ) -> None:
        self.name = name
        self.origin = origin
        self.command = command
        self.env_var = env_var
        self.group = group
        self.discovery_env = discovery_env
        self.working_dir = working_dir
        self.environment = environment
        self.env_files = env_files
        self.depends_on = depends_on
        self.ready = ready
        self.restart = restart
        self.stop_signal = stop_signal
        self.stop_grace_s = stop_grace_s
        self.scale = scale
        self.oneshot = oneshot
        self.on_request = on_request
        self.profiles = profiles
        self.framework = framework
        self.hostname = hostname
        self.wildcard = wildcard
        self.watch = watch
        self.tty = tty


class Definitions:
    """All services of a project.

    Attributes:
        paths: The files that define them, absolute; the first is the main definition file. Empty in
            anonymous mode.
        project_name: As written; None where nothing was said.
        services: In the order of the files.
        env_files: For every service; in file order.
    """

    __slots__ = ("env_files", "paths", "project_name", "services")

    def __init__(
        self,
        paths: tuple[str, ...],
        services: tuple[Service, ...],
        *,
        project_name: str | None = None,
        env_files: tuple[EnvFile, ...] = (),
    ) -> None:
        self.paths = paths
        self.services = services
        self.project_name = project_name
        self.env_files = env_files
