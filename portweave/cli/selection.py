"""The project that a command line is about, and the one service of it that it names."""

import os
import sys

from portweave import errors
from portweave.cli.option_values import count_of
from portweave.planning.allocation import allocate
from portweave.planning.project import find_project, working_dir

TYPE_CHECKING = False  # `typing` costs as much as the work
if TYPE_CHECKING:
    from portweave.arguments.args import Args
    from portweave.planning.allocation import AllocatedProject
    from portweave.planning.project import Project
    from portweave.procfiles.model import Service


class Selected:
    """An instance that has a port.

    Attributes:
        name: Of the instance: `web`, or `web.2`.
        service: Whose it is.
        number: Which one, from 1.
        port: That it listens on.
        allocated: The worktree with its ports.
    """

    __slots__ = ("allocated", "name", "number", "port", "service")

    def __init__(
        self, name: str, service: "Service", number: int, allocated: "AllocatedProject"
    ) -> None:
        self.name = name
        self.service = service
        self.number = number
        self.allocated = allocated
        self.port = allocated.effective_port(service) if number == 1 else allocated.ports[name]


def project_here(args: "Args") -> "Project":
    """The project of the working directory, by the definition file or the count that is given.

    Raises:
        PortweaveError: As of `find_project`.
        UsageError: `--count` is no count, or there is no working directory.
    """
    config = args.text("config")
    return find_project(
        working_dir(),
        config=config,
        count=count_of(args.text("count"), config),
        environ=dict(os.environ),
    )


def choose(args: "Args", verb: str, usage: str) -> Selected:
    """The instance that the words of a command name; its worktree gets its ports if need be.

    Args:
        args: What was given.
        verb: The command's.
        usage: What it takes, for a hint.

    Raises:
        UsageError: They do not name one that has a port.
    """
    words = args.operands + (args.rest or [])
    if len(words) != 1:
        raise errors.UsageError(
            f"unexpected argument '{words[1]}'"
            if words
            else f"{verb} takes the name of one service",
            hint=f"portweave {verb} {usage}",
        )
    (name,) = words
    project = project_here(args)
    instances = project.instances()
    if name not in instances:
        from portweave.procfiles.graph import unknown_service

        raise unknown_service(name, list(instances))
    service, number = instances[name]
    if service.env_var is None:
        raise errors.UsageError(f"{name} has no port", hint="its definition says port: false")
    allocated = allocate(project, check_listeners=False)
    for warning in allocated.warnings:
        sys.stderr.write(f"[portweave] {warning}\n")
    return Selected(name, service, number, allocated)
