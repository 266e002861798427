"""Build the exported stack from a worktree and its plan."""

import os
import re
import signal
from collections import Counter
from collections.abc import Callable, Collection, Mapping

from portweave.allocator.naming import full_name
from portweave.encoding.value import replace
from portweave.exports.differences import (
    callers_of,
    container_remarks,
    service_remarks,
    stack_remarks,
)
from portweave.exports.model import Hidden, Stack, Unit, VariableFile, label_of
from portweave.exports.remarks import LOST, Remark
from portweave.exports.secrets import hidden_variable, with_distinct_keys, without_secrets
from portweave.planning.allocation import AllocatedProject
from portweave.planning.environment_layers import HOST
from portweave.planning.stack_plan import make_plan
from portweave.planning.stack_request import StartOptions
from portweave.planning.web_services import why_no_link
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
    *,
    apart: bool,
    place: str,
    profiles: Collection[str] = (),
) -> Stack:
    """Build the stack that is exported.

    Args:
        allocated: The worktree with its ports.
        options: The services to export.
        environ: The environment of the command; only its `PATH` gets into the result.
        apart: Whether each instance has its own host, as a container has.
        place: The folder for the exported files.
        profiles: The profiles that are on; the services of others keep their profiles.

    Raises:
        PortweaveError: A file of variables cannot be read, or nothing can be exported.
    """
    inherited = tuple(sorted(allocated.inherited))
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
    services = {service.name: service for service in allocated.project.definitions.services}
    chosen = [
        one
        for one in plan.instances
        if one.name in plan.wanted
        and not one.hook
        and not (apart and services[one.service].image is False)
    ]
    maker = _Maker(allocated, {instance.name for instance in chosen}, apart=apart)
    units = [
        replace(unit, profiles=services[unit.service].profiles)
        if services[unit.service].profiles
        and not set(profiles) & set(services[unit.service].profiles)
        and unit.service not in options.services
        else unit
        for unit in maker.units(chosen)
    ]
    callers = callers_of(chosen)
    return Stack(
        project=plan.project,
        namespace=plan.namespace,
        root=plan.root,
        place=place,
        units=tuple(units),
        path="" if apart else environ.get("PATH", ""),
        remarks=tuple(stack_remarks(allocated.project.definitions, plan, inherited, callers)),
        callers=callers,
    )


class _Maker:
    def __init__(
        self,
        allocated: AllocatedProject,
        names: set[str],
        *,
        apart: bool,
    ) -> None:
        self._allocated = allocated
        self._names = names
        # Those with `image: false` have nothing to do in containers.
        without = [
            service.name
            for service in allocated.project.definitions.services
            if apart and service.image is False
        ]
        self._counts = Counter(name.partition(".")[0] for name in names)
        self._known = {*self._counts, *without}
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
        self._templates = {
            name: template
            for service in allocated.project.definitions.services
            for name, template in service.discovery_env
        }
        self._port_variables = {
            "PORT",
            *(s.env_var for s in allocated.project.definitions.services if s.env_var),
        }
        self._secrets: dict[str, dict[str, str]] = {}
        self._defaults_by_held: dict[frozenset[str], tuple[dict[str, Hidden], dict[str, str]]] = {}
        self._shared = self._computed()
        self._files = [(f"{self._root.rstrip('/')}/.env", False)]
        self._files += [(f.path, f.required) for f in allocated.project.definitions.env_files]

    def units(self, plans: list[InstancePlan]) -> list[Unit]:
        """Build the units; equal secrets of several services get one key."""
        units = [self._unit(plan) for plan in plans]
        hidden = {unit.service: unit.hidden for unit in units}
        keyed = with_distinct_keys(hidden, self._secrets)
        return [replace(unit, hidden=keyed[unit.service]) for unit in units]

    def _unit(self, plan: InstancePlan) -> Unit:
        service = self._services[plan.service]
        files = [*self._files, *((file.path, file.required) for file in service.env_files)]
        held: dict[str, str] = {}
        found: list[VariableFile] = []
        for path, required in files:
            # An optional file that does not exist adds nothing.
            if required or os.path.exists(path):
                held |= read_env_file(path, required=required).values
                found.append(VariableFile(path, required, _has_exports(path)))
        settled = self._settled(service, plan)
        shared_hidden, defaults = self._defaults(frozenset(held))
        hidden = {name: one for name, one in shared_hidden.items() if name not in settled}
        hidden |= self._hidden(settled, {n: t for n, t in service.environment if t is not None})
        secrets = {n: settled[n] if n in settled else self._shared[n] for n in hidden}
        self._secrets[service.name] = secrets
        ready = plan.ready
        if ready.exec is not None:
            ready = replace(ready, exec=without_secrets(ready.exec, secrets))
        if ready.http is not None:
            ready = replace(ready, http=without_secrets((ready.http,), secrets)[0])
        argv = without_secrets(self._argv(service, plan), secrets)
        is_masked = ready != plan.ready or argv != self._argv(service, plan)
        remarks = service_remarks(service, plan, self._known)
        if is_masked:
            text = "it has a secret, which is not written; put it into a file of variables"
            remarks.append(Remark(LOST, "command", text, (plan.name,)))
        if self._apart:
            remarks += container_remarks(service, plan, self._root, self._with_own_hosts)
        return Unit(
            name=plan.name,
            service=plan.service,
            number=plan.number,
            argv=argv,
            folder=plan.working_dir,
            port=plan.port,
            needs=tuple(need for need in plan.needs if need.instance in self._names),
            ready=ready,
            restart=plan.restart,
            oneshot=plan.oneshot,
            tty=plan.tty is True,
            stop_signal=signal.Signals(plan.stop_signal).name,
            stop_grace_s=plan.stop_grace_s,
            defaults=defaults,
            settled={n: t for n, t in settled.items() if n not in hidden},
            passed=tuple(name for name, text in service.environment if text is None),
            files=tuple(found),
            in_files=frozenset(held),
            replicas=self._counts[plan.service],
            has_image=os.path.exists(f"{plan.working_dir}/Dockerfile"),
            image=service.image if isinstance(service.image, str) else "",
            hostname=_hostname(service, plan),
            watch=service.watch,
            hidden=hidden,
            remarks=tuple(remarks),
        )

    def _defaults(self, held: frozenset[str]) -> tuple[dict[str, Hidden], dict[str, str]]:
        """Return the shared variables: those with secrets, and the others.

        Services with the same names in their files get the same mapping: with 1000 services, a copy
        for each would have a million entries.

        Args:
            held: Names of the variables in files, which win over the shared ones.
        """
        found = self._defaults_by_held.get(held)
        if found is None:
            kept = {name: text for name, text in self._shared.items() if name not in held}
            hidden = self._hidden(kept, self._templates)
            found = (hidden, {name: text for name, text in kept.items() if name not in hidden})
            self._defaults_by_held[held] = found
        return found

    def _hidden(
        self, variables: Mapping[str, str], templates: Mapping[str, str]
    ) -> dict[str, Hidden]:
        found: dict[str, Hidden] = {}
        for name, text in variables.items():
            if name not in self._port_variables:
                template = templates.get(name, text)
                one = hidden_variable(name, template, text, may_split=self._apart)
                if one is not None:
                    found[name] = one
        return found

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


def _hostname(service: Service, plan: InstancePlan) -> str:
    """Return the first part of a route's name; empty for a service without a route."""
    if plan.port is None or service.hostname is False or why_no_link(service):
        return ""
    return service.hostname if isinstance(service.hostname, str) else label_of(service.name)


def _has_exports(path: str) -> bool:
    with open(path, encoding="utf-8") as file:
        return any(line.lstrip().startswith("export ") for line in file)
