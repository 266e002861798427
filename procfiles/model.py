"""Pure. The values that definition files are parsed into.

They are plain classes with `__slots__`: importing `dataclasses` takes longer than a whole
`portweave run` may take. Only the parsers make and change them.
"""

TYPE_CHECKING = False  # importing `typing` takes as long as all of this
if TYPE_CHECKING:
    from collections.abc import Callable


class Origin:
    """The place of a definition in a file.

    Args:
        path: The file, absolute.
        line: The line, from 1.
        column: The column, from 1.
        find: Returns line and column. It is called at their first use: few places are used, and
            `find` reads the file again.
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
    """A .env file.

    Attributes:
        path: The file, absolute.
        required: Whether a missing file is an error.
        definition: The definition file that names it, absolute; empty if there is none.
        find: Returns line, column and text of its name there.
    """

    __slots__ = ("definition", "find", "path", "required")

    def __init__(self, path: str, *, required: bool = True) -> None:
        self.path = path
        self.required = required
        self.definition = ""
        self.find: Callable[[], tuple[int, int, str]] | None = None


class Dependency:
    """Another service that a service waits for before it starts.

    Attributes:
        name: The other service's name.
        condition: `started`, `ready` or `completed`; always `completed` for a oneshot.
    """

    __slots__ = ("condition", "name")

    def __init__(self, name: str, condition: str) -> None:
        self.name = name
        self.condition = condition


class Ready:
    """The readiness probes of a service; each of them must succeed.

    Attributes:
        http: A path (`/health`, on the service's own port) or a URL, with its placeholders.
        tcp: True for the service's own port, or another port; None for no such probe.
        exec: A command (text for a shell, or a list) that exits with 0 when the service is ready.
        log: A regular expression to search in each line of this run, without escape sequences.
        notify: Whether the service itself reports that it is ready (sd_notify(3)).
        interval_s: The longest pause between two probes until the service is ready.
        calm_s: The pause between two probes of a ready service; equal to `interval` if that is set.
        timeout_s: The longest time to become ready; None for the command line's `--timeout`.
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
    """When portweave starts an ended service again.

    Attributes:
        policy: `no`, `on-failure` or `always`.
        limit: The most restarts without a reset; None for the policy's own limit.
    """

    __slots__ = ("limit", "policy")

    def __init__(self, policy: str, limit: int | None = None) -> None:
        self.policy = policy
        self.limit = limit


class Service:
    """One named command and its settings.

    Attributes:
        name: The name as written.
        origin: The place of its definition.
        command: Text for `/bin/sh -c`, or a list to execute as it is. None for a service that only
            has a port.
        env_var: The variable with its port in every service's environment; None for a service
            without a port.
        group: Services of one group have consecutive ports.
        discovery_env: (variable, template) pairs, in file order.
        working_dir: An absolute path.
        environment: (variable, template) pairs, in file order. A template of None keeps the
            inherited value.
        env_files: Its .env files in file order; the later file wins.
        depends_on: Its dependencies in file order.
        ready: Its probes; None where the key is missing.
        restart: Its restart policy; None where the key is missing.
        stop_signal: A signal's name, as `SIGTERM`.
        stop_grace_s: Seconds from the stop signal to SIGKILL.
        scale: The number of instances.
        oneshot: Whether it is meant to end.
        on_request: Whether it starts only when named (`release` and `console` of a Procfile).
        profiles: It starts only with one of these profiles; always, where this is empty.
        framework: True to detect the framework, False not to, or the framework's name.
        hostname: The name of its route; None for the service's name, False for no route.
        wildcard: Whether the route includes all names below its own.
        exported: Whether other members of the bus may call it.
        watch: Paths or globs. portweave restarts the service when one of their files changes.
        tty: `auto`, `true` or `false`.
        image: The container image of its export; False to leave it out there, None for no image.
        data: Absolute paths whose content has to last; only exports use them.
    """

    __slots__ = (
        "command",
        "data",
        "depends_on",
        "discovery_env",
        "env_files",
        "env_var",
        "environment",
        "exported",
        "framework",
        "group",
        "hostname",
        "image",
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
        exported: bool = False,
        watch: tuple[str, ...] = (),
        tty: str = "auto",
        image: str | bool | None = None,
        data: tuple[str, ...] = (),
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
        self.exported = exported
        self.watch = watch
        self.tty = tty
        self.image = image
        self.data = data


class Hook:
    """Commands that run at one moment in the life of a stack.

    Attributes:
        name: `setup`, `beforeUp`, `afterReady`, `afterDown` or `teardown`.
        origin: The place of its definition.
        commands: Texts for `/bin/sh -c`, in their order; the first that fails ends the hook.
        inputs: Paths or globs of the files that it depends on, relative to the root.
        timeout_s: How long all of its commands may take together.
        environment: (variable, template) pairs, as those of a service.
        working_dir: An absolute path.
        files: Of `teardown`: globs of the files that it needs, relative to the root.
    """

    __slots__ = (
        "commands",
        "environment",
        "files",
        "inputs",
        "name",
        "origin",
        "timeout_s",
        "working_dir",
    )

    def __init__(
        self,
        name: str,
        origin: Origin,
        working_dir: str,
        *,
        commands: tuple[str, ...] = (),
        inputs: tuple[str, ...] = (),
        timeout_s: float = 600.0,
        environment: tuple[tuple[str, str | None], ...] = (),
    ) -> None:
        self.name = name
        self.origin = origin
        self.commands = commands
        self.inputs = inputs
        self.timeout_s = timeout_s
        self.environment = environment
        self.working_dir = working_dir
        self.files: tuple[str, ...] = ()


class WorktreeFiles:
    """What a new worktree gets from another one, because git does not carry it.

    Attributes:
        copy: Patterns of files to copy, in the syntax of gitignore(5).
        link: Paths to link, relative to the root.
        source: The root of the worktree to take them from, absolute; None for the main worktree.
    """

    __slots__ = ("copy", "link", "source")

    def __init__(
        self,
        *,
        copy: tuple[str, ...] = (),
        link: tuple[str, ...] = (),
        source: str | None = None,
    ) -> None:
        self.copy = copy
        self.link = link
        self.source = source


class Bus:
    """The bus that carries calls to other stacks and machines.

    Attributes:
        folder: The folder of the definition.
        url: URLs of its servers, with commas between them.
        credentials: Path of a credentials file, absolute; empty for none.
        ca: Path of certificates that check the server's, absolute; empty for the system's.
        cert: Path of a certificate for the server, absolute; empty for none.
        key: Path of its key, absolute; empty for none.
    """

    __slots__ = ("ca", "cert", "credentials", "folder", "key", "url")

    def __init__(self, folder: str) -> None:
        self.folder = folder
        self.url = ""
        self.credentials = ""
        self.ca = ""
        self.cert = ""
        self.key = ""


class Definitions:
    """All services of a project.

    Attributes:
        paths: The definition files, absolute; the first is the main one. Empty in anonymous mode.
        project_name: The name as written; None where the key is missing.
        services: The services in the order of the files.
        env_files: The .env files of every service, in file order.
        hooks: The hooks, in the order in which they run.
        worktree: What a new worktree gets from another one; None where the key is missing.
        bus: The bus that carries calls elsewhere; None where the key is missing.
    """

    __slots__ = ("bus", "env_files", "hooks", "paths", "project_name", "services", "worktree")

    def __init__(
        self,
        paths: tuple[str, ...],
        services: tuple[Service, ...],
        *,
        project_name: str | None = None,
        env_files: tuple[EnvFile, ...] = (),
        hooks: tuple[Hook, ...] = (),
        worktree: WorktreeFiles | None = None,
        bus: Bus | None = None,
    ) -> None:
        self.bus = bus
        self.paths = paths
        self.services = services
        self.project_name = project_name
        self.env_files = env_files
        self.hooks = hooks
        self.worktree = worktree
