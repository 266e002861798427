"""`portweave check`: validate the definition files without starting anything."""

import os

from portweave import errors
from portweave.allocator.worktree import locate
from portweave.arguments.args import (
    Args,
    Option,
)
from portweave.client.verb_queries import say
from portweave.encoding.json_text import pretty
from portweave.planning.fixed_ports import warnings_of
from portweave.procfiles.load import load, read_env_file, unread_lines
from portweave.procfiles.model import Definitions, EnvFile, Ready, Service

OPTIONS: tuple[Option, ...] = ()
USAGE = "[--json]"
HELP = """
Read the definition files and the files of variables, and report errors and warnings. check starts
nothing. --json prints all services with all their keys. A command with a port as a number, which is
the same in every worktree, is a warning, with the edit to make. So is a command that starts several
apps on one port, with the services to write instead.
"""


def run(args: Args) -> int:
    """Print the definitions and the warnings."""
    if args.operands or args.rest:
        raise errors.UsageError(
            f"check takes no operands, received '{(args.operands + (args.rest or []))[0]}'"
        )
    cwd = os.getcwd()
    definitions, root = read(args, "check", cwd)
    lines = _check_env_files(definitions, root)
    warnings = warnings_of(definitions)
    several = _several_apps(definitions)
    if args.flag("json"):
        all_apps = [(name, text, "\n".join(services)) for name, (text, *services) in several]
        found_warnings: list[dict[str, str | None]] = [
            {"service": name, "message": what, "hint": edit}
            for name, what, edit in (*warnings, *all_apps)
        ]
        found_warnings += [{"service": None, "message": line, "hint": None} for line in lines]
        found = {**_as_json(definitions), "warnings": found_warnings}
        print(pretty(found))
    else:
        for line in lines:
            say(line)
        for name, what, edit in warnings:
            say(f"warning: {name}: {what}: {edit}")
        for _, (text, *services) in several:
            say(f"warning: {text}")
            for line in services:
                say(line)
        print(_as_text(definitions, cwd, len(warnings) + len(several) + len(lines)))
    return 0


def read(args: Args, verb: str, cwd: str) -> tuple[Definitions, str]:
    """Read the definitions of a folder; return them and the root of its worktree.

    Args:
        args: The command line.
        verb: The command's verb, for the message.
        cwd: The folder, absolute.

    Raises:
        UsageError: `--count` was given, which excludes definition files.
    """
    if args.text("count") is not None:
        raise errors.UsageError(f"{verb} reads definition files, and with --count there are none")
    worktree = locate(cwd, os.environ)
    is_git = worktree.git_common_dir is not None
    definitions = load(cwd, worktree.root if is_git else None, args.text("config"))
    return definitions, worktree.root if is_git else os.path.dirname(definitions.paths[0])


def _several_apps(definitions: Definitions) -> list[tuple[str, list[str]]]:
    """Return each service whose command starts several apps on its port, with a warning."""
    found: list[tuple[str, list[str]]] = []
    commands = [
        service
        for service in definitions.services
        if service.command is not None and service.env_var is not None
        if not service.oneshot and service.framework is not False
    ]
    if not commands:
        return found
    # Imported here: files of npm portweave's have no commands.
    from portweave.planning.package_scripts import PackageFiles
    from portweave.planning.port_arguments import Several, fit

    packages: dict[str, PackageFiles] = {}
    for service in commands:
        assert service.command is not None
        folder = service.working_dir
        known = service.framework if isinstance(service.framework, str) else None
        fitting = fit(service.command, packages.setdefault(folder, PackageFiles(folder)), known)
        if isinstance(fitting, Several):
            from portweave.planning.stack_plan import as_services

            found.append((service.name, as_services(service, fitting)))
    return found


def _check_env_files(definitions: Definitions, root: str) -> list[str]:
    """Read the files of variables; return warnings, one line each."""
    files = [EnvFile(os.path.join(root, ".env"), required=False), *definitions.env_files]
    computed: set[str] = set()
    for service in definitions.services:
        files += service.env_files
        computed |= {name for name, _ in service.discovery_env}
        if service.env_var is not None:
            computed.add(service.env_var)
    found_warnings: dict[str, None] = {}
    for file in files:
        try:
            found = read_env_file(file.path, required=file.required, names=computed)
        except errors.EnvFileError as error:
            from portweave.procfiles.env_files import add_place

            add_place(error, file)
            raise
        shown = file.path.removeprefix(f"{root.rstrip('/')}/")
        found_warnings |= dict.fromkeys(unread_lines(shown, found.unread))
    return list(found_warnings)


def _as_text(definitions: Definitions, cwd: str, warnings: int) -> str:
    names = ", ".join(os.path.relpath(path, cwd) for path in definitions.paths)
    count = len(definitions.services)
    found = f"{warnings} warning{'s' if warnings != 1 else ''}" if warnings else "nothing wrong"
    lines = [f"{names}: {count} service{'s' if count != 1 else ''}, {found}"]
    for service in definitions.services:
        command = service.command
        if isinstance(command, tuple):
            command = " ".join(command)
        parts = [f"{service.name} ({service.env_var or 'no port'}): {command or 'no command'}"]
        if service.depends_on:
            waits = [f"{other.name} ({other.condition})" for other in service.depends_on]
            parts.append(f"after {', '.join(waits)}")
        lines.append("; ".join(parts))
    return "\n".join(lines)


def _as_json(definitions: Definitions) -> dict[str, object]:
    return {
        "schemaVersion": 1,
        "files": list(definitions.paths),
        "projectName": definitions.project_name,
        "envFile": _files(definitions.env_files),
        "services": [_service(service) for service in definitions.services],
    }


def _service(service: Service) -> dict[str, object]:
    restart = service.restart
    policy = ("no" if service.oneshot else "on-failure") if restart is None else restart.policy
    if restart is not None and restart.limit is not None:
        policy += f":{restart.limit}"
    return {
        "name": service.name,
        "command": service.command,
        "envVar": service.env_var,
        "dependsOn": {other.name: other.condition for other in service.depends_on},
        "group": service.group,
        "discoveryEnv": dict(service.discovery_env),
        "workingDir": service.working_dir,
        "environment": dict(service.environment),
        "envFile": _files(service.env_files),
        "ready": None if service.ready is None else _ready(service.ready),
        "restart": policy,
        "stopSignal": service.stop_signal,
        "stopGracePeriod": service.stop_grace_s,
        "scale": service.scale,
        "port": service.env_var is not None,
        "oneshot": service.oneshot,
        "onRequest": service.on_request,
        "profiles": service.profiles,
        "framework": service.framework,
        "hostname": service.hostname,
        "watch": service.watch,
        "tty": service.tty,
        "file": service.origin.path,
        "line": service.origin.line,
        "column": service.origin.column,
    }


def _files(files: tuple[EnvFile, ...]) -> list[dict[str, object]]:
    return [{"path": file.path, "required": file.required} for file in files]


def _ready(ready: Ready) -> dict[str, object]:
    return {
        "http": ready.http,
        "tcp": ready.tcp,
        "exec": ready.exec,
        "log": ready.log,
        "notify": ready.notify,
        "interval": ready.interval_s,
        "timeout": ready.timeout_s,
    }
