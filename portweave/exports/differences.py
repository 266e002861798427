"""What the settings of a stack lose in an export, whatever the format."""

import os
from collections.abc import Callable, Collection, Container, Iterable, Iterator

from portweave.exports.remarks import CHANGED, INFO, LOST, Remark
from portweave.planning.environment_layers import HOST
from portweave.procfiles.model import Definitions, Service
from portweave.supervisor.services.plan import InstancePlan, StackPlan

# Texts of programs that call other services.
_CALLS = (
    b"import cluster",
    b"portweave.cluster",
    b"portweave.calls",
    b"portweave ask",
)
_SOCKET = b"PORTWEAVE_SOCKET"
_MOST_BYTES = 200_000


def stack_remarks(
    definitions: Definitions,
    plan: StackPlan,
    inherited: tuple[str, ...],
    callers: Collection[str],
) -> Iterator[Remark]:
    """Return the differences of the whole stack.

    Args:
        definitions: The definitions of all services.
        plan: The plan of the stack.
        inherited: Names of computed variables that have other values in this terminal.
        callers: The services that call others.
    """
    if inherited:
        yield Remark(CHANGED, "inherited", "their values in this terminal are not used", inherited)
    for name, why in plan.left_out:
        yield Remark(INFO, "profiles", f"not exported, {why}", (name,))
    for hook in definitions.hooks:
        text = f"{hook.name}: its commands do not run there"
        yield Remark(LOST, "hooks", text)
    chosen = [one for one in plan.instances if one.name in plan.wanted and not one.hook]
    if any(one.port is not None for one in chosen):
        text = "names of routes, and the proxy: PORTWEAVE_URL has the port"
        yield Remark(CHANGED, "routes", text)
    text = "calls between services (PORTWEAVE_SOCKET, PORTWEAVE_TOKEN) need portweave up"
    yield Remark(LOST if callers else INFO, "calls", text, tuple(callers))


def callers_of(plans: Iterable[InstancePlan]) -> dict[str, bool]:
    """Return the services that call others, and whether they do so by `PORTWEAVE_SOCKET`.

    They do if their command, or a file that it names, has a text of a program that calls.
    """
    found: dict[str, bool] = {}
    for plan in plans:
        if plan.service in found:
            continue
        texts = list(_texts_of(plan))
        if any(one in text for text in texts for one in (*_CALLS, _SOCKET)):
            found[plan.service] = any(_SOCKET in text for text in texts)
    return found


def _texts_of(plan: InstancePlan) -> Iterator[bytes]:
    words = [word for part in plan.argv for word in part.split()]
    yield " ".join(words).encode()
    for word in words:
        if "." not in word or word.startswith("-"):
            continue
        try:
            with open(os.path.join(plan.working_dir, word), "rb") as file:
                yield file.read(_MOST_BYTES)
        except (OSError, ValueError):
            continue


def service_remarks(service: Service, plan: InstancePlan, services: Container[str]) -> list[Remark]:
    """Return the differences of a service that every format has.

    Args:
        service: Its definition.
        plan: One of its instances.
        services: All exported services.
    """
    missing = [other.name for other in service.depends_on if other.name not in services]
    found: list[Remark] = []
    if service.watch:
        text = "a change of files restarts nothing"
        found.append(Remark(LOST, "watch", text, (plan.name,)))
    if missing:
        text = f"it does not wait for {', '.join(missing)}, which is not exported"
        found.append(Remark(LOST, "dependsOn", text, (plan.name,)))
    return found


def container_remarks(
    service: Service, plan: InstancePlan, root: str, with_own_hosts: Callable[[str], str]
) -> Iterator[Remark]:
    """Return the differences of a service that runs in a container.

    Args:
        service: Its definition.
        plan: One of its instances.
        root: The worktree's root.
        with_own_hosts: Replaces this machine in a template by the hosts of services.
    """
    names = (plan.name,)
    command = service.command if isinstance(service.command, str) else plan.command
    if HOST in command or "localhost" in command:
        text = "it names this machine, which in a container is the container itself"
        yield Remark(LOST, "command", text, names)
    folder = os.path.relpath(plan.working_dir, root)
    if folder != ".":
        text = f"{folder}: the image's working directory applies"
        yield Remark(CHANGED, "workingDir", text, names)
    held = {
        name
        for name, template in (*service.discovery_env, *service.environment)
        if template is not None
        and any(host in with_own_hosts(template) for host in (HOST, "localhost"))
    }
    if held:
        text = f"{', '.join(sorted(held))}: still names the container itself"
        yield Remark(LOST, "environment", text, names)
