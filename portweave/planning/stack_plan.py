"""Plan the instances of a stack from definitions, ports and variables."""

import re
import signal
from collections.abc import Mapping
from os.path import join

from portweave import errors
from portweave.allocator.naming import full_name, instance_name
from portweave.encoding.json_text import quote
from portweave.planning.allocation import AllocatedProject
from portweave.planning.environment_layers import (
    HOST,
    Environments,
    merged,
)
from portweave.planning.package_scripts import PackageFiles
from portweave.planning.port_arguments import (
    Fitting,
    Several,
    fit,
)
from portweave.planning.script_files import beginning_of
from portweave.planning.script_words import (
    MOST_BYTES,
    mentions,
)
from portweave.planning.stack_request import StartOptions, restart_policy
from portweave.planning.url_names import (
    Names,
    hostname_of,
)
from portweave.planning.web_services import why_no_link
from portweave.procfiles.expand import expand
from portweave.procfiles.graph import needed
from portweave.procfiles.model import Definitions, Service
from portweave.supervisor.diagnosis.fixed_port import FixedPort
from portweave.supervisor.services.plan import (
    CallsPlan,
    Condition,
    InstancePlan,
    Need,
    ReadyPlan,
    RestartPolicy,
    StackPlan,
)
from portweave.supervisor.services.shell_command import shell_argv


def make_plan(
    allocated: AllocatedProject,
    options: StartOptions,
    environ: Mapping[str, str],
    names: Names | None = None,
    *,
    may_be_idle: bool = False,
) -> StackPlan:
    """Plan the instances of a worktree.

    Args:
        allocated: The worktree with its ports.
        options: Which services to start, and how.
        environ: The inherited variables.
        names: The names of services in URLs; None if they have only ports.
        may_be_idle: Whether a plan that starts nothing is allowed.

    Raises:
        DotenvError: A line of an `envFile` is malformed.
        EnvFileError: An `envFile` cannot be read.
        NothingToStartError: There is nothing to start.
        PlaceholderError: A template has a placeholder without a value.
        PortOverrideError: The value of a port's variable is not a port.
        UsageError: A named service does not exist.
    """
    project = allocated.project
    services = [s for s in project.definitions.services if s.command is not None]
    wanted, left_out = select(project.definitions, options)
    by_name = {service.name: service for service in services}
    planner = _InstancePlanner(allocated, options, environ, by_name, names)
    instances = [instance for service in services for instance in planner.instances(service)]
    started = frozenset(i.name for i in instances if i.service in wanted)
    if not started and not may_be_idle:
        raise errors.NothingToStartError(
            "no service would be started: each is scaled to 0",
            hint="--scale NAME=1 starts one instance",
        )
    plan = StackPlan(
        project=project.name,
        namespace=allocated.entry.namespace,
        root=project.worktree.root,
        main_root=project.worktree.main_root,
        instances=tuple(instances),
        wanted=started,
        left_out=tuple(left_out),
        warnings=(
            *allocated.warnings,
            *planner.file_warnings(),
            *_remarks(names),
            *planner.remarks(),
        ),
        calls=_calls(project.definitions, project.name, allocated.entry.namespace, environ),
    )
    if not (project.definitions.hooks and options.with_hooks):
        return plan
    # Imported here: most stacks have no hooks.
    from portweave.planning.hook_plans import add_hooks

    return add_hooks(
        plan, project.definitions.hooks, planner.environments, only_setup=options.only_setup
    )


def _calls(
    definitions: Definitions, project: str, namespace: str, environ: Mapping[str, str]
) -> CallsPlan:
    """The settings of the hub: its bus, where the definition or the environment names one."""
    if definitions.bus is None and not environ.get("PORTWEAVE_HUB"):
        return CallsPlan()
    # Imported here: most stacks have no bus.
    from portweave.planning.bus_plan import bus_plan

    return CallsPlan(bus=bus_plan(definitions.bus, project, namespace, environ))


def _remarks(names: Names | None) -> list[str]:
    return [names.remark] if names is not None and names.remark else []


def as_services(service: Service, several: Several) -> list[str]:
    """Explain that a command starts several apps, and what to write instead.

    Args:
        service: The service with the command.
        several: The apps that it starts.

    Returns:
        A line with the problem, and a line for each app in the format of the service's file.
    """
    kind = service.origin.path.rpartition(".")[2]
    names = ", ".join(name for name, _ in several.apps)
    lines = [f"{service.name} starts several apps ({names}) on one port: write one service per app"]
    for name, command in several.apps:
        if kind == "json":
            lines.append(f'  "{name}": {{"command": {quote(command)}}},')
        elif kind in ("yaml", "yml"):
            is_plain = not any(char in command for char in "\"'#,:{}[]")
            lines.append(f"  {name}: {{command: {command if is_plain else quote(command)}}}")
        else:
            lines.append(f"  {name}: {command}")
    return lines


def select(
    definitions: Definitions, options: StartOptions
) -> tuple[set[str], list[tuple[str, str]]]:
    """Return the names of the services to start, and the others, each with the reason.

    Raises:
        NothingToStartError: There is nothing to start.
        UsageError: A named service does not exist, or has no command.
    """
    for name in (*options.services, *options.scale):
        # Checks the name, also if only `--scale` has it.
        needed(definitions, [name])
    startable = {s.name for s in definitions.services if s.command is not None}
    if not startable:
        raise errors.NothingToStartError(
            "no service has a command, so there is nothing to start",
            hint="portweave run -- COMMAND gives a command the ports; up needs a `command` key",
        )
    for name in options.services:
        if name not in startable:
            raise errors.UsageError(f"{name} has no command, so it cannot be started")
    named = list(options.services) or [
        service.name
        for service in definitions.services
        if not service.on_request
        and (not service.profiles or set(service.profiles) & set(options.profiles))
    ]
    found = {s.name for s in needed(definitions, named)} if options.with_needs else set(named)
    found &= startable
    if not found:
        raise errors.NothingToStartError(
            "no service would be started",
            hint="name services that only start on request, or give their --profile",
        )
    left_out = [
        (service.name, _why_left_out(service))
        for service in definitions.services
        if service.name not in found and not options.services
    ]
    return found, left_out


def _why_left_out(service: Service) -> str:
    if service.command is None:
        return "it has no command"
    if service.on_request:
        return "name it to start it"
    return f"it needs --profile {service.profiles[0]}"


def fitting_of(
    service: Service, packages: PackageFiles, names: Names | None
) -> Fitting | Several | None:
    """Return what a service's framework needs to listen on its port; None without a framework.

    Args:
        service: A service with a port.
        packages: The packages of the folder in which it runs.
        names: The names of services in URLs; None if they have only ports.
    """
    if service.command is None or service.framework is False or service.oneshot:
        return None
    name = service.framework if isinstance(service.framework, str) else None
    secure = names is not None and names.scheme == "https"
    return fit(service.command, packages, name, secure=secure)


class _InstancePlanner:
    """Plans the instances of services.

    Attributes:
        environments: Makes the environments of instances.
    """

    def __init__(
        self,
        allocated: AllocatedProject,
        options: StartOptions,
        environ: Mapping[str, str],
        services: dict[str, Service],
        names: Names | None,
    ) -> None:
        self._allocated = allocated
        self._options = options
        self._services = services
        self._ports = allocated.effective_ports()
        self._names = names
        self.environments = Environments(allocated, environ, names)
        # By folder. Each is read once, and only if a command runs a script.
        self._packages: dict[str, PackageFiles] = {}
        self._fittings: dict[str, Fitting | Several | None] = {}
        self._values = self.environments.values

    def file_warnings(self) -> list[str]:
        """Return warnings about files of variables, each once."""
        return list(dict.fromkeys(self.environments.warnings))

    def instances(self, service: Service) -> list[InstancePlan]:
        """Plan the instances of one service."""
        count = self._count(service)
        if count == 0:
            return []
        return [self._instance(service, number) for number in range(1, count + 1)]

    def _count(self, service: Service) -> int:
        return self._options.scale.get(service.name, service.scale)

    def _instance(self, service: Service, number: int) -> InstancePlan:
        assert service.command is not None
        name = instance_name(service.name, number)
        port = self._ports[name] if service.env_var is not None else None
        fitting = self._fitting(service) if port is not None else None
        command = _fitted(service.command, fitting, port)
        text = command if isinstance(command, str) else " ".join(command)
        return InstancePlan(
            name=name,
            service=service.name,
            number=number,
            full_name=full_name(name, self._allocated.entry.namespace),
            argv=_argv(command),
            command=text,
            working_dir=service.working_dir,
            environment={
                **dict(fitting.env if fitting is not None else ()),
                **merged(self.environments.layers(service, number, port)),
            },
            port=port,
            url=None
            if port is None or why_no_link(service)
            else self.environments.url(service, number, port),
            hostname=self._hostname(service, number),
            wildcard=service.wildcard,
            exported=service.exported,
            needs=self._needs(service),
            ready=self._ready(service, text, port, is_known=fitting is not None),
            restart=self._restart(service),
            oneshot=service.oneshot,
            tty=None if service.tty == "auto" else service.tty == "true",
            stop_signal=signal.Signals[service.stop_signal],
            stop_grace_s=service.stop_grace_s,
            watch=service.watch or ((service.working_dir,) if self._options.watch else ()),
            fixed_ports=self._fixed_ports(service, text, port),
        )

    def _hostname(self, service: Service, number: int) -> str | None:
        names = self._names
        return None if names is None else hostname_of(service, number, names.domain)

    def _needs(self, service: Service) -> tuple[Need, ...]:
        return tuple(
            Need(instance_name(dependency.name, number), Condition(dependency.condition))
            for dependency in service.depends_on
            if dependency.name in self._services
            for number in range(1, self._count(self._services[dependency.name]) + 1)
        )

    def remarks(self) -> list[str]:
        """Return remarks for the user on the planned instances, one line each."""
        found: list[str] = []
        for name, fitting in self._fittings.items():
            if isinstance(fitting, Several):
                found += as_services(self._services[name], fitting)
        return found

    def _fitting(self, service: Service) -> Fitting | None:
        """Return what the command's framework needs to listen on its port."""
        if service.name not in self._fittings:
            packages = self._packages_of(service)
            self._fittings[service.name] = fitting_of(service, packages, self._names)
        found = self._fittings[service.name]
        return found if isinstance(found, Fitting) else None

    def _fixed_ports(self, service: Service, text: str, port: int | None) -> tuple[FixedPort, ...]:
        """Return the ports that a service has as numbers; none if its command reads `PORT`."""
        if port is None:
            return ()
        from portweave.planning.fixed_ports import (
            fixed_ports_of,
            mentions_port,
        )

        if mentions_port(service, text):
            return ()
        return fixed_ports_of(service, self._packages_of(service))

    def _packages_of(self, service: Service) -> PackageFiles:
        folder = service.working_dir
        if folder not in self._packages:
            self._packages[folder] = PackageFiles(folder)
        return self._packages[folder]

    def _ready(self, service: Service, text: str, port: int | None, *, is_known: bool) -> ReadyPlan:
        ready = service.ready
        if ready is None:
            timeout_s = self._options.timeout_s
            if port is None or service.oneshot:
                return ReadyPlan(timeout_s=timeout_s)
            if is_known or _is_to_listen(service, text):
                return ReadyPlan(tcp=port, timeout_s=timeout_s)
            return ReadyPlan(timeout_s=timeout_s, guessed=self._reads_port(service))
        http = ready.http
        if http is not None:
            http = expand(http, self._values, escapes=True)
            if http.startswith("/"):
                http = f"http://{HOST}:{port}{http}"
        return ReadyPlan(
            http=http,
            tcp=port if ready.tcp is True else ready.tcp or None,
            exec=None if ready.exec is None else _argv(ready.exec),
            log=ready.log,
            notify=ready.notify,
            interval_s=ready.interval_s,
            calm_s=ready.calm_s,
            timeout_s=self._options.timeout_s if ready.timeout_s is None else ready.timeout_s,
            written=True,
        )

    def _reads_port(self, service: Service) -> bool:
        """Whether the script file that a service runs mentions its port's variable."""
        assert service.command is not None

        def read(path: str) -> bytes | None:
            return beginning_of(join(service.working_dir, path), MOST_BYTES)

        return mentions(
            service.command, _port_names(service), read, self._packages_of(service).script
        )

    def _restart(self, service: Service) -> RestartPolicy:
        if self._options.restart is not None and not service.oneshot:
            return self._options.restart
        if service.restart is not None:
            return restart_policy(service.restart.policy, service.restart.limit)
        return restart_policy("no" if service.oneshot else "on-failure", None)


def _argv(command: str | tuple[str, ...]) -> tuple[str, ...]:
    return shell_argv(command) if isinstance(command, str) else command


def _fitted(
    command: str | tuple[str, ...], fitting: Fitting | None, port: int | None
) -> str | tuple[str, ...]:
    """Append the words that its framework needs to a command."""
    if fitting is None or port is None or not fitting.words:
        return command
    words = fitting.with_port(port)
    # None of the words has a character with a meaning to a shell.
    return f"{command.rstrip()} {' '.join(words)}" if isinstance(command, str) else command + words


def _is_to_listen(service: Service, text: str) -> bool:
    """Whether a service without `ready` is expected to listen on its port."""
    if service.name == "web":
        return True
    names = map(re.escape, _port_names(service))
    return re.search(rf"\b(?:{'|'.join(names)})\b", text) is not None


def _port_names(service: Service) -> list[str]:
    """Return the names of variables that hold the service's own port."""
    return ["PORT", *([service.env_var] if service.env_var else [])]
