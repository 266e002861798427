"""Pure. What `up` was asked for, as a value and as the JSON object that the supervisor keeps.

`reload`, `scale` and a second `up` read the object, so they plan a stack as the first `up` did,
from any shell. Its keys stay as they are: a stack may have been started by an older portweave.
"""

from collections.abc import Collection, Mapping

from portweave.encoding.json_text import is_list, is_object
from portweave.encoding.value import field, replace, value
from portweave.supervisor.services.plan import RestartPolicy, When

DEFAULT_TIMEOUT_S = 60.0
# A bare `on-failure` gives up after this many restarts without a reset.
RESTART_LIMIT = 10


@value
class StartOptions:
    """Which services to start, and how.

    Attributes:
        services: Names of the services to start; empty for all that start by default.
        profiles: Start the services of these profiles as well.
        scale: Number of instances by service; it replaces the number in the definition.
        with_needs: Whether to start the dependencies of named services too.
        restart: A policy that replaces each service's own; None to keep those.
        timeout_s: How long a service without its own timeout may take to become ready.
        watch: Whether to restart a service without its own `watch` when its folder changes.
        with_proxy: Whether services get names in URLs, and a proxy for them.
        with_hooks: Whether the hooks of the definitions run.
        only_setup: Whether only the hook `setup` runs, and no service starts by itself.
    """

    services: tuple[str, ...] = ()
    profiles: tuple[str, ...] = ()
    scale: Mapping[str, int] = field(default_factory=dict[str, int])
    with_needs: bool = True
    restart: RestartPolicy | None = None
    timeout_s: float = DEFAULT_TIMEOUT_S
    watch: bool = False
    with_proxy: bool = True
    with_hooks: bool = True
    only_setup: bool = False

    def as_json(self) -> dict[str, object]:
        """Return the options as a JSON object, which `options_from_json` reads."""
        return {
            "services": list(self.services),
            "profiles": list(self.profiles),
            "scale": dict(self.scale),
            "noDeps": not self.with_needs,
            "restart": None if self.restart is None else restart_text(self.restart),
            "timeoutS": self.timeout_s,
            "watch": self.watch,
            "noProxy": not self.with_proxy,
            "skipHooks": not self.with_hooks,
        }

    def as_words(self, services: Collection[str]) -> list[str]:
        """Return the words that give `up` these options again.

        Args:
            services: Names of the services that exist. The words name no others.
        """
        words = [f"--profile={name}" for name in self.profiles]
        words += [f"--scale={name}={n}" for name, n in self.scale.items() if name in services]
        flags = (
            ("--no-deps", not self.with_needs),
            ("--watch", self.watch),
            ("--no-proxy", not self.with_proxy),
            ("--skip-hooks", not self.with_hooks),
        )
        words += [flag for flag, is_given in flags if is_given]
        if self.restart is not None:
            words.append(f"--restart={restart_text(self.restart)}")
        if self.timeout_s != DEFAULT_TIMEOUT_S:
            words.append(f"--timeout={round(self.timeout_s * 1000)}ms")
        return words + [name for name in self.services if name in services]


@value
class StackNames:
    """The names in URLs that a stack has, and keeps while it runs.

    Attributes:
        project: The project's name.
        domain: The suffix of its host names.
        port: The proxy's port.
        scheme: The proxy's scheme: `http` or `https`.
    """

    project: str
    domain: str
    port: int
    scheme: str = "http"


@value
class StackRequest:
    """What `up` was asked for in one place, and what was found there.

    Attributes:
        environ: The variables that the stack inherits.
        working_dir: The folder in which the command was given, absolute.
        config: The definition file, relative to `working_dir`; None to look for it.
        count: A number of anonymous ports in place of a definition file; None for a file.
        options: Which services to start, and how.
        names: The names that the stack has; None before they are known, and without a proxy.
        files: The definition files of the last plan, absolute.
        defined: Names of the services that these files define.
    """

    environ: Mapping[str, str]
    working_dir: str
    config: str | None = None
    count: int | None = None
    options: StartOptions = field(default_factory=StartOptions)
    names: StackNames | None = None
    files: tuple[str, ...] = ()
    defined: tuple[str, ...] = ()

    def with_names(self, names: StackNames | None) -> "StackRequest":
        """Return the request with the names of a running stack, or without names and proxy."""
        options = replace(self.options, with_proxy=names is not None)
        return replace(self, names=names, options=options)

    def with_scale(self, scale: Mapping[str, int]) -> "StackRequest":
        """Return the request with other numbers of instances."""
        return replace(self, options=replace(self.options, scale=scale))

    def as_json(self) -> dict[str, object]:
        """Return the request as a JSON object, which `request_from_json` reads."""
        names = self.names
        return {
            "environ": dict(self.environ),
            "workingDir": self.working_dir,
            "config": self.config,
            "count": self.count,
            **self.options.as_json(),
            "names": None
            if names is None
            else {
                "project": names.project,
                "domain": names.domain,
                "port": names.port,
                "scheme": names.scheme,
            },
            "defined": {"files": list(self.files), "services": list(self.defined)},
        }


def request_from_json(data: Mapping[str, object]) -> StackRequest:
    """Read a request from the JSON object that a supervisor keeps.

    A field that is missing or of a wrong type gets its default.
    """
    config, count, defined = data.get("config"), data.get("count"), data.get("defined")
    if not is_object(defined):
        defined = {}
    return StackRequest(
        environ=_texts(data.get("environ")),
        working_dir=str(data.get("workingDir", "")),
        config=config if isinstance(config, str) else None,
        count=count if isinstance(count, int) else None,
        options=options_from_json(data),
        names=_names_from_json(data.get("names")),
        files=_list(defined.get("files")),
        defined=_list(defined.get("services")),
    )


def options_from_json(data: Mapping[str, object]) -> StartOptions:
    """Read options from a JSON object; a field of a wrong type gets its default."""
    restart, timeout_s, scale = data.get("restart"), data.get("timeoutS"), data.get("scale")
    return StartOptions(
        services=_list(data.get("services")),
        profiles=_list(data.get("profiles")),
        scale={name: number for name, number in scale.items() if isinstance(number, int)}
        if is_object(scale)
        else {},
        with_needs=data.get("noDeps") is not True,
        restart=restart_from(restart) if isinstance(restart, str) else None,
        timeout_s=float(timeout_s) if isinstance(timeout_s, (int, float)) else DEFAULT_TIMEOUT_S,
        watch=data.get("watch") is True,
        with_proxy=data.get("noProxy") is not True,
        with_hooks=data.get("skipHooks") is not True,
    )


def _names_from_json(data: object) -> StackNames | None:
    if not is_object(data):
        return None
    project, domain, port = data.get("project"), data.get("domain"), data.get("port")
    if isinstance(project, str) and isinstance(domain, str) and isinstance(port, int):
        # A portweave without HTTPS wrote no scheme.
        scheme = "https" if data.get("scheme") == "https" else "http"
        return StackNames(project, domain, port, scheme)
    return None


def restart_from(text: str) -> RestartPolicy | None:
    """Read `no`, `on-failure`, `on-failure:N` or `always`; None for another text."""
    policy, colon, limit = text.partition(":")
    takes_limit = policy == "on-failure" and limit.isascii() and limit.isdigit()
    if policy not in tuple(When) or (colon and not takes_limit):
        return None
    return restart_policy(policy, int(limit) if limit else None)


def restart_text(policy: RestartPolicy) -> str:
    """Return the text that `restart_from` reads."""
    if policy.when is not When.ON_FAILURE or policy.limit == RESTART_LIMIT:
        return policy.when.value
    return f"{policy.when.value}:{policy.limit}"


def restart_policy(policy: str, limit: int | None) -> RestartPolicy:
    """The policy `no`, `on-failure` or `always`; `on-failure` without a limit gets the default."""
    when = When(policy)
    if limit is None and when is When.ON_FAILURE:
        limit = RESTART_LIMIT
    return RestartPolicy(when, limit)


def _list(data: object) -> tuple[str, ...]:
    return tuple(str(item) for item in data) if is_list(data) else ()


def _texts(data: object) -> dict[str, str]:
    return {key: str(item) for key, item in data.items()} if is_object(data) else {}
