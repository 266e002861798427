"""Build the exported stack from a worktree and its plan."""

import os
import re
import signal
from collections.abc import Callable, Mapping

from portweave.allocator.naming import full_name
from portweave.exports.model import Stack, Unit, VariableFile, label_of
from portweave.planning.allocation import AllocatedProject
from portweave.planning.environment_layers import HOST
from portweave.planning.stack_plan import make_plan
from portweave.planning.stack_request import StartOptions
from portweave.procfiles.expand import Values, expand
from portweave.procfiles.load import read_env_file
from portweave.procfiles.model import Service
from portweave.supervisor.services.plan import InstancePlan
from portweave.supervisor.services.shell_command import shell_argv

EVERYWHERE = "0.0.0.0"  # noqa: S104 - in a container, which only publishes on loopback
_LOOPBACK = re.compile(r"(127\.0\.0\.1|localhost)(:\$\{([^}]+)\})")


def stack_of(
    allocated: AllocatedProject,
    options: StartOptions,
    environ: Mapping[str, str],
    images: Mapping[str, str],
    *,
    apart: bool,
    place: str,
) -> Stack:
    """Build the stack that is exported.

    Args:
        allocated: The worktree with its ports.
        options: The services to export.
        environ: The environment of the command; only its `PATH` gets into the result.
        images: Service to image.
        apart: Whether each instance has its own host, as a container has.
        place: The folder for the exported files.

    Raises:
        PortweaveError: A file of variables cannot be read, or nothing can be exported.
    """
    notes: list[str] = []
    if allocated.inherited:
        names = ", ".join(sorted(allocated.inherited))
        notes.append(f"{names}: their values in this terminal")
    allocated = AllocatedProject(
        allocated.project,
        allocated.entry,
        reused=allocated.reused,
        computed=allocated.computed,
        dotenv=allocated.dotenv,
        env=allocated.env,
        inherited={},
        warnings=allocated.warnings,
    )
    plan = make_plan(allocated, options, {})
    notes += [f"{name}: not exported, {why}" for name, why in plan.left_out]
    chosen = [instance for instance in plan.instances if instance.name in plan.wanted]
    maker = _Maker(allocated, {instance.name for instance in chosen}, images, apart=apart)
    units = [maker.unit(instance) for instance in chosen]
    if any(unit.port is not None for unit in units):
        notes.append("names of routes, and the proxy: PORTWEAVE_URL has the port")
    notes.append("calls between services (PORTWEAVE_SOCKET, PORTWEAVE_TOKEN) need portweave up")
    return Stack(
        project=plan.project,
        namespace=plan.namespace,
        root=plan.root,
        place=place,
        units=tuple(units),
        path="" if apart else environ.get("PATH", ""),
        notes=tuple(notes),
    )


class _Maker:
    def __init__(
        self,
        allocated: AllocatedProject,
        names: set[str],
        images: Mapping[str, str],
        *,
        apart: bool,
    ) -> None:
        self._allocated = allocated
        self._names = names
        self._images = images
        self._apart = apart
        self._root = allocated.project.worktree.root
        self._services = {s.name: s for s in allocated.project.definitions.services}
        worktree = allocated.project.worktree
        self._values: Callable[[str], str | None] = Values(
            allocated.ports,
            namespace=allocated.entry.namespace,
            git_common_dir=worktree.git_common_dir,
            worktree_root=worktree.root,
        )
        self._shared = self._computed()
        self._files = [(f"{self._root.rstrip('/')}/.env", False)]
        self._files += [(f.path, f.required) for f in allocated.project.definitions.env_files]

    def unit(self, plan: InstancePlan) -> Unit:
        """Build one unit."""
        service = self._services[plan.service]
        files = [*self._files, *((file.path, file.required) for file in service.env_files)]
        held: dict[str, str] = {}
        found: list[VariableFile] = []
        for path, required in files:
            # An optional file that does not exist adds nothing.
            if required or os.path.exists(path):
                held |= read_env_file(path, required=required).values
                found.append(VariableFile(path, required, _has_exports(path)))
        image = self._images.get(service.name, "")
        return Unit(
            name=plan.name,
            service=plan.service,
            number=plan.number,
            argv=self._argv(service, plan),
            folder=plan.working_dir,
            port=plan.port,
            needs=tuple(need for need in plan.needs if need.instance in self._names),
            ready=plan.ready,
            restart=plan.restart,
            oneshot=plan.oneshot,
            tty=plan.tty is True,
            stop_signal=signal.Signals(plan.stop_signal).name,
            stop_grace_s=plan.stop_grace_s,
            defaults=self._shared,
            settled=self._settled(service, plan),
            passed=tuple(name for name, text in service.environment if text is None),
            files=tuple(found),
            in_files=frozenset(held),
            replicas=sum(1 for name in self._names if name.partition(".")[0] == plan.service),
            has_image=os.path.exists(f"{plan.working_dir}/Dockerfile"),
            image=image,
            left_out=tuple(self._left_out(service, plan)),
        )

    def _computed(self) -> dict[str, str]:
        """Return the variables that all services share; files of variables override them."""
        allocated = self._allocated
        found = {"PYTHONUNBUFFERED": "1"}
        for service in allocated.project.definitions.services:
            if service.env_var is not None:
                found[service.env_var] = allocated.computed[service.env_var]
            for name, template in service.discovery_env:
                found[name] = expand(self._with_own_hosts(template), self._values, escapes=False)
        return found

    def _settled(self, service: Service, plan: InstancePlan) -> dict[str, str]:
        namespace = self._allocated.entry.namespace
        found = {"HOST": EVERYWHERE if self._apart else HOST}
        if plan.port is not None:
            found["PORT"] = str(plan.port)
        for name, template in service.environment:
            if template is not None:
                found[name] = expand(self._with_own_hosts(template), self._values, escapes=True)
        found |= {
            "PORTWEAVE_NAMESPACE": namespace,
            "PORTWEAVE_SERVICE": full_name(plan.name, namespace),
            "PORTWEAVE_NAME": plan.name,
            "PORTWEAVE_INSTANCE": str(plan.number),
        }
        if not self._apart:
            found["PORTWEAVE_WORKTREE"] = self._root
        if plan.port is not None:
            host = label_of(plan.name) if self._apart else HOST
            found["PORTWEAVE_URL"] = f"http://{host}:{plan.port}"
        return found

    def _with_own_hosts(self, template: str) -> str:
        """Return a template with the hosts of services, where each has its own."""
        if not self._apart:
            return template

        def host(match: re.Match[str]) -> str:
            name = match[3]
            return f"{label_of(name)}{match[2]}" if name in self._services else match[0]

        return _LOOPBACK.sub(host, template)

    def _argv(self, service: Service, plan: InstancePlan) -> tuple[str, ...]:
        """Return the command; added framework arguments listen on all addresses where apart."""
        if not self._apart or service.command is None:
            return plan.argv
        if isinstance(service.command, str):
            *before, text = plan.argv
            own = len(shell_argv(service.command)[-1].rstrip())
            return (*before, text[:own] + text[own:].replace(HOST, EVERYWHERE))
        own = len(service.command)
        added = tuple(word.replace(HOST, EVERYWHERE) for word in plan.argv[own:])
        return (*plan.argv[:own], *added)

    def _left_out(self, service: Service, plan: InstancePlan) -> list[str]:
        left_out: list[str] = []
        if service.watch:
            left_out.append("watch: a change of files restarts nothing")
        missing = [
            other.name
            for other in service.depends_on
            if not any(name.partition(".")[0] == other.name for name in self._names)
        ]
        if missing:
            left_out.append(f"dependsOn: {', '.join(missing)}: not exported")
        if not self._apart:
            return left_out
        command = service.command if isinstance(service.command, str) else plan.command
        if HOST in command or "localhost" in command:
            left_out.append(
                "its command names this machine, which in a container is the container itself"
            )
        folder = os.path.relpath(plan.working_dir, self._root)
        if folder != ".":
            left_out.append(f"workingDir: {folder}: the image's working directory applies")
        held = {
            name
            for name, template in (*service.discovery_env, *service.environment)
            if template is not None
            and (
                HOST in self._with_own_hosts(template)
                or "localhost" in self._with_own_hosts(template)
            )
        }
        if held:
            names = ", ".join(sorted(held))
            left_out.append(f"{names}: still names the container itself")
        return left_out


def _has_exports(path: str) -> bool:
    with open(path, encoding="utf-8") as file:
        return any(line.lstrip().startswith("export ") for line in file)
