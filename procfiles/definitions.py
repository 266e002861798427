"""Pure. Build definitions from a document and a Procfile, and check the services together."""

import posixpath

from portweave import errors
from portweave.encoding.host_labels import instance_host
from portweave.procfiles.issues import Issues, Spot, nearest
from portweave.procfiles.model import (
    Bus,
    Definitions,
    Dependency,
    EnvFile,
    Hook,
    Service,
    WorktreeFiles,
)
from portweave.procfiles.tree import Document, Keys, Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from portweave.procfiles.fields import Draft
    from portweave.procfiles.procfile import Process

RESERVED_PREFIX = "PORTWEAVE_"


def build(
    document: Document | None,
    processes: "tuple[Process, ...] | None",
    procfile_path: str = "",
    shown: dict[str, str] | None = None,
    texts: dict[str, str] | None = None,
) -> Definitions:
    """Build the definitions from the files of one folder.

    Args:
        document: The JSON or YAML file; None where there is none.
        processes: The processes of the Procfile; None where there is none.
        procfile_path: The Procfile, absolute.
        shown: File to its path as messages show it.
        texts: File to its text, for messages.

    Raises:
        DefinitionsInvalidError: It has all problems of the first failing step. The steps are:
            repeated keys and invalid text; types and forms; names, references and cycles.
    """
    shown = shown or {}
    issues = Issues()
    project_name: str | None = None
    env_files: tuple[EnvFile, ...] = ()
    drafts: list[Draft] = []
    hooks: tuple[Hook, ...] = ()
    worktree: WorktreeFiles | None = None
    bus: Bus | None = None
    if document is not None:
        # Imported here: a Procfile alone does not need it.
        from portweave.procfiles import shape

        for keys, origin in document.duplicates:
            issues.add(keys, "duplicate key", origin=origin)
        _check_text(document.value, issues)
        issues.raise_found(document, shown, texts)
        names = [process.name for process in processes or ()]
        said = shape.read(document, issues, processes=names)
        issues.raise_found(document, shown, texts)
        project_name, env_files, drafts = said.project_name, said.env_files, said.drafts
        hooks, worktree, bus = said.hooks, said.worktree, said.bus
    elif not processes:
        raise _without_services(procfile_path, shown.get(procfile_path, procfile_path))
    portless = {draft.service.name for draft in drafts if not draft.port}
    services = {draft.service.name: draft.service for draft in drafts}
    from_procfile = {process.name for process in processes or ()} - services.keys()
    for process in processes or ():
        _add_process(process, services, posixpath.dirname(procfile_path), issues)
    _check_variables(services, portless, from_procfile, issues)
    for service in services.values():
        _check_templates(service, services, portless, issues)
        _check_port(service, portless, issues)
        _check_dependencies(service, services, issues)
    _check_hostnames(services, from_procfile, issues)
    _check_hooks(hooks, services, portless, issues)
    _check_cycles(services, issues)
    issues.raise_found(document, shown, texts)
    for service in services.values():
        _wait_for_oneshots(service, services)
    paths = [document.path] if document is not None else []
    if processes is not None:
        paths.append(procfile_path)
    return Definitions(
        tuple(paths),
        tuple(services.values()),
        project_name=project_name,
        env_files=env_files,
        hooks=hooks,
        worktree=worktree,
        bus=bus,
    )


def _without_services(path: str, shown: str) -> "errors.DefinitionsInvalidError":
    from portweave.errors.problem import Problem

    error = errors.DefinitionsInvalidError(
        "services: services must contain at least one entry",
        hint=f"{shown}:1:1: add lines as web: npm start",
        file=path,
        line=1,
        column=1,
        path="services",
    )
    hint = "add a line for each service:\nweb: npm start\napi: python3 app.py"
    error.problems = (Problem("no service is defined", shown, 1, 1, hint=hint),)
    return error


def _check_text(root: Value, issues: Issues) -> None:
    """Find text that no operating system accepts: with NUL, or with half a surrogate pair."""
    todo: list[tuple[Keys, Value]] = [((), root)]
    while todo:
        keys, value = todo.pop()
        if isinstance(value, str):
            if "\0" in value:
                issues.add(keys, "has a NUL character")
            elif not value.isascii() and any("\ud800" <= letter <= "\udfff" for letter in value):
                issues.add(keys, "has half of a surrogate pair")
        elif isinstance(value, dict):
            for key, member in value.items():
                todo += (((*keys, key), key), ((*keys, key), member))
        elif isinstance(value, list):
            todo += [((*keys, index), item) for index, item in enumerate(value)]


def _add_process(
    process: "Process", services: dict[str, Service], folder: str, issues: Issues
) -> None:
    service = services.get(process.name)
    if service is None:
        service = Service(process.name, process.origin, working_dir=folder, oneshot=process.is_job)
        services[process.name] = service
    elif service.command is not None:
        keys = ("services", process.name, "command")
        message = f"a command is given on line {process.origin.line} of the Procfile too"
        issues.add(keys, message, "keep one of them")
    service.command = service.command or process.command
    service.on_request = process.on_request


def _check_variables(
    services: dict[str, Service], portless: set[str], from_procfile: set[str], issues: Issues
) -> None:
    """Set each service's variable; make npm portweave's checks in its order, with its texts."""
    first: dict[str, Keys] = {}

    def declare(name: str, keys: Keys, service: Service, hint: str) -> None:
        origin = service.origin if service.name in from_procfile else None
        if name.startswith(RESERVED_PREFIX):
            message = f'env var "{name}" uses the reserved "{RESERVED_PREFIX}" prefix'
            issues.add(keys, message, hint, origin=origin)
        if name in first:
            path = ".".join(map(str, first[name]))
            message = f'duplicate identifier "{name}" already declared at {path}'
            issues.add(keys, message, hint, origin=origin)
        else:
            first[name] = keys

    for service in services.values():
        root = ("services", service.name)
        hint = ""
        if service.name in portless:
            if service.env_var is not None:
                message = f'"{service.env_var}" can hold no port: port is false'
                issues.add((*root, "envVar"), message, "remove one of them")
            service.env_var = None
        else:
            if service.env_var is None:
                service.env_var = service.name.upper().replace("-", "_") + "_PORT"
                hint = f'name another variable with envVar, or rename "{service.name}"'
            declare(service.env_var, (*root, "envVar"), service, hint)
        for name, template in service.discovery_env:
            keys = (*root, "discoveryEnv", name)
            declare(name, keys, service, "")
            _check_template(template, keys, services, portless, issues, escapes=False)


def _check_template(
    template: str,
    keys: Keys,
    services: dict[str, Service],
    portless: set[str],
    issues: Issues,
    *,
    escapes: bool,
) -> None:
    if "${" not in template:
        return
    # Imported here, as few files have templates.
    from portweave.procfiles.expand import FIELDS, placeholders

    for name in placeholders(template, escapes=escapes):
        if name == "namespace":
            continue
        spot = Spot(word=f"${{{name}}}")
        if name.startswith("pw:"):
            field = name[3:]
            if field not in FIELDS:
                near = nearest(field, FIELDS)
                hint = f"did you mean ${{pw:{near}}}?" if near else f"there are {', '.join(FIELDS)}"
                message = f'template references unknown metadata field "{field}"'
                issues.add(keys, message, hint, spot=spot)
        elif name not in services:
            near = issues.nearest(name, list(services))
            hint = f"did you mean ${{{near}}}?" if near else ""
            if not near and escapes:
                hint = f"only ports are put in; for the text itself write $${{{name}}}"
            message = f'template references unknown service "{name}"'
            issues.add(keys, message, hint, spot=spot)
        elif name in portless:
            message = f'template references the service "{name}", which has no port'
            issues.add(keys, message, spot=spot)


def _check_templates(
    service: Service, services: dict[str, Service], portless: set[str], issues: Issues
) -> None:
    root = ("services", service.name)
    _check_environment(service.environment, root, services, portless, issues)
    if service.ready is not None and service.ready.http is not None:
        keys = (*root, "ready", "http")
        _check_template(service.ready.http, keys, services, portless, issues, escapes=True)
        if not service.ready.http.startswith("/"):
            _check_url(service.ready.http, keys, issues)


def _check_environment(
    environment: tuple[tuple[str, str | None], ...],
    root: Keys,
    services: dict[str, Service],
    portless: set[str],
    issues: Issues,
) -> None:
    for name, template in environment:
        keys = (*root, "environment", name)
        if name.startswith(RESERVED_PREFIX):
            message = f'env var "{name}" uses the reserved "{RESERVED_PREFIX}" prefix'
            issues.add(keys, message)
        if template is not None:
            _check_template(template, keys, services, portless, issues, escapes=True)


def _check_url(template: str, keys: Keys, issues: Issues) -> None:
    """Check that a URL is valid with any port in place of its placeholders."""
    # Imported here: a path does not need it.
    from urllib.parse import urlsplit

    from portweave.procfiles.expand import split

    parts = [
        "1" if is_placeholder else text for text, is_placeholder in split(template, escapes=True)
    ]
    try:
        url = urlsplit("".join(parts))
        is_good = bool(url.hostname) and url.port != 0
    except ValueError:
        is_good = False
    if not is_good:
        issues.add(keys, "is no URL that can be asked: its host or its port is wrong")


def _check_port(service: Service, portless: set[str], issues: Issues) -> None:
    ready = service.ready
    if service.name not in portless or ready is None:
        return
    root = ("services", service.name, "ready")
    if ready.tcp is True:
        issues.add((*root, "tcp"), "needs a port of the service's own, but port is false")
    if ready.http is not None and ready.http.startswith("/"):
        issues.add((*root, "http"), "needs a port of the service's own, but port is false")


def _check_dependencies(service: Service, services: dict[str, Service], issues: Issues) -> None:
    for dependency in service.depends_on:
        keys = ("services", service.name, "dependsOn", dependency.name)
        target = services.get(dependency.name)
        if target is None:
            hint = issues.meant(dependency.name, list(services))
            message = f'unknown service "{dependency.name}"'
            issues.add(keys[:3], message, hint, spot=Spot(keys, of_key=True))
        elif target.command is None and service.command is not None:
            message = f'the service "{dependency.name}" has no command to start'
            issues.add(keys[:3], message, spot=Spot(keys, of_key=True))


def _check_hostnames(services: dict[str, Service], from_procfile: set[str], issues: Issues) -> None:
    first: dict[str, str] = {}
    for service in services.values():
        if service.env_var is None or service.hostname is False:
            continue
        own = service.hostname if isinstance(service.hostname, str) else service.name
        # The second instance is web.2, and its route is web-2.
        for number in range(1, service.scale + 1):
            host = instance_host(own, number)
            owner = first.setdefault(host, service.name)
            if owner != service.name:
                keys = ("services", service.name, "hostname")
                origin = service.origin if service.name in from_procfile else None
                message = f'the host name "{host}" is also that of services.{owner}'
                issues.add(keys, message, "rename one of them", origin=origin)


def _check_hooks(
    hooks: tuple[Hook, ...], services: dict[str, Service], portless: set[str], issues: Issues
) -> None:
    for hook in hooks:
        keys = ("hooks", hook.name)
        if hook.name in services:
            # Logs and commands know a hook by its name, as they know a service.
            message = f'a service is called "{hook.name}" too'
            issues.add(keys, message, "rename the service")
        _check_environment(hook.environment, keys, services, portless, issues)


def _check_cycles(services: dict[str, Service], issues: Issues) -> None:
    if not any(service.depends_on for service in services.values()):
        return
    from portweave.procfiles.graph import find_cycle

    cycle = find_cycle(tuple(services.values()))
    if cycle:
        keys = ("services", cycle[0], "dependsOn")
        issues.add(keys, f"dependency cycle: {' -> '.join(cycle)}")


def _wait_for_oneshots(service: Service, services: dict[str, Service]) -> None:
    """Make a service that depends on a oneshot wait for its end."""
    if any(services[dependency.name].oneshot for dependency in service.depends_on):
        service.depends_on = tuple(
            Dependency(
                dependency.name,
                "completed" if services[dependency.name].oneshot else dependency.condition,
            )
            for dependency in service.depends_on
        )
