"""`portweave env`: print the variables of a worktree or a service."""

import sys

from portweave import errors
from portweave.arguments.args import (
    Args,
    Operands,
    Option,
)
from portweave.cli.selection import project_here
from portweave.planning.allocation import AllocatedProject, allocate

TYPE_CHECKING = False  # `typing` costs as much as the work
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from portweave.planning.environment_layers import Layer
    from portweave.planning.url_names import Names
    from portweave.procfiles.model import Service

OPTIONS = (
    Option(
        "--format",
        metavar="FORMAT",
        values=("dotenv", "shell", "json"),
        about="dotenv (the default), shell or json",
    ),
    Option(
        "--explain",
        metavar="KEY",
        bare=True,
        about="print the source of each value, or of KEY, and what it hides",
    ),
    Option("--show-secrets", about="with --explain: print the values of secrets too"),
)
USAGE = "[SERVICE] [--format FORMAT | --explain [KEY] [--show-secrets]]"
OPERANDS = Operands("services")
HELP = """
Print the variables that all services of this worktree share, which `run` adds to its command's
environment. With SERVICE (web, or web.2), print the service's whole environment, with the variables
inherited from here. Only variables that each start adds are not in it: PORTWEAVE_SOCKET,
PORTWEAVE_TOKEN and PORTWEAVE_INVOCATION.

The worktree gets its ports on first use, as with `run`, but env does not report it.

--format shell is for  eval "$(portweave env --format shell)"  in any POSIX shell: every value is
quoted. --format dotenv is for files; --format json is one object, name to value. Variables that a
format cannot hold are left out, and named on stderr.

--explain prints a table: name, value, and the file and line or the layer that the value comes from.
Below a variable stand the values that it hides. Values of secrets are *** without --show-secrets.
On a pipe tabs separate the fields, and rows of hidden values have no name.
"""
_FORMATS = ("dotenv", "shell", "json")


def run(args: Args) -> int:
    """Print the variables."""
    asked = args.text("format")
    explain = args.flag("explain")
    if asked is not None and asked not in _FORMATS:
        raise errors.UsageError(f"--format must be dotenv, shell or json, received {asked}")
    if asked is not None and explain:
        raise errors.UsageError("--format and --explain are mutually exclusive")
    if args.flag("show_secrets") and not explain:
        raise errors.UsageError(
            "--show-secrets goes with --explain",
            hint="without --explain, env hides no values",
        )
    if args.rest:
        raise errors.UsageError(
            "env takes the name of a service, not a command",
            hint="portweave run -- COMMAND runs a command",
        )
    project = project_here(args)
    instances = project.instances()
    key = args.text("explain")
    words = [*args.operands, key] if key else args.operands
    service, key = _operands(words, instances, explain=explain)
    allocated = allocate(project, check_listeners=False)
    for warning in allocated.warnings:
        print(f"[portweave] {warning}", file=sys.stderr)
    if service is None and not explain:
        _print(_shared(allocated), asked, allocated, service, as_json=args.flag("json"))
        return 0
    # Imported here: it takes longer than all before it.
    from portweave.planning.environment_layers import merged

    layers = _layers(allocated, service)
    if explain:
        from portweave.cli.env_explanation import explain_layers

        explain_layers(layers, allocated, service, key, args)
    else:
        _print(merged(layers), asked, allocated, service, as_json=args.flag("json"))
    return 0


def _operands(
    words: list[str], instances: "Iterable[str]", *, explain: bool
) -> tuple[str | None, str | None]:
    """Return which word names a service, and which a variable."""
    names = list(instances)
    services = [word for word in words if word in names]
    others = [word for word in words if word not in names]
    service = services[0] if services else None
    if len(services) > 1 or len(words) > 1 + explain:
        raise errors.UsageError(f"unexpected argument '{words[1]}'", hint=f"portweave env {USAGE}")
    if not others:
        return service, None
    # With --explain, a word that is not a service's name is a variable's.
    if not explain or len(others) > 1:
        from portweave.procfiles.graph import unknown_service

        raise unknown_service(others[0], names)
    return service, others[0]


def _shared(allocated: AllocatedProject) -> dict[str, str]:
    # PORTWEAVE_WORKTREE tells a portweave in that shell that these are not the user's own.
    return {**allocated.env, "PORTWEAVE_WORKTREE": allocated.project.worktree.root}


def _layers(allocated: AllocatedProject, instance: str | None) -> "list[Layer]":
    from portweave.planning.environment_layers import (
        Environments,
        Layer,
        shared_layers,
    )
    from portweave.planning.url_names import (
        names_of,
        wants_names,
    )

    if instance is None:
        return shared_layers(allocated)
    service, number = allocated.project.instances()[instance]
    port: int | None = None
    if service.env_var is not None:
        port = allocated.effective_port(service) if number == 1 else allocated.ports[instance]
    project = allocated.project
    names = None
    if port is not None and wants_names(project.environ):
        names = names_of(project.name, project.worktree, project.environ, keep=True)
    environments = Environments(allocated, project.environ, names)
    layers = [
        Layer("framework", _of_framework(service, names)),
        *environments.layers(service, number, port),
    ]
    for warning in environments.warnings:
        print(f"[portweave] {warning}", file=sys.stderr)
    return layers


def _of_framework(service: "Service", names: "Names | None") -> dict[str, str]:
    """Return the variables that a service's framework needs; only HTTPS needs any."""
    if names is None or names.scheme != "https":
        return {}
    from portweave.planning.package_scripts import PackageFiles
    from portweave.planning.port_arguments import Fitting
    from portweave.planning.stack_plan import fitting_of

    found = fitting_of(service, PackageFiles(service.working_dir), names)
    return dict(found.env) if isinstance(found, Fitting) else {}


def _print(
    env: "Mapping[str, str]",
    asked: str | None,
    allocated: AllocatedProject,
    service: str | None,
    *,
    as_json: bool,
) -> None:
    left_out: list[str] = []
    if asked == "shell":
        from portweave.planning.env_format import as_shell

        text, left_out = as_shell(env)
    elif asked == "json" or (as_json and asked is None):
        from portweave.encoding.json_text import pretty

        fields: dict[str, object] = {name: env[name] for name in sorted(env)}
        if asked is None:
            fields = {
                "schemaVersion": 1,
                "namespace": allocated.entry.namespace,
                "worktreeRoot": allocated.project.worktree.root,
                "service": service,
                "env": fields,
            }
        text = pretty(fields) + "\n"
    else:
        from portweave.planning.env_format import as_dotenv

        text, left_out = as_dotenv(env)
    if sys.stdout.isatty():
        sys.stdout.write(text)
    else:
        # The bytes as they are: what is inherited need not be UTF-8.
        sys.stdout.buffer.write(text.encode("utf-8", "surrogateescape"))
    sys.stdout.flush()
    if left_out:
        what = "no shell can set" if asked == "shell" else "a file of variables cannot hold"
        print(f"[portweave] left out, because {what} them: {', '.join(left_out)}", file=sys.stderr)
