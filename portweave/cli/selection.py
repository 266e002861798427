"""Find the project of a command line, and the one service that it names."""

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


class SelectedInstance:
    """An instance with a port.

    Attributes:
        name: The instance's name: `web`, or `web.2`.
        service: Its service.
        number: Its number, from 1.
        port: The port on which it listens.
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
    """Find the project of the working directory, with the options `--config` and `--count`.

    Raises:
        PortweaveError: As for `find_project`.
        UsageError: `--count` is not a number, or there is no working directory.
    """
    config = args.text("config")
    return find_project(
        working_dir(),
        config=config,
        count=count_of(args.text("count"), config),
        environ=dict(os.environ),
    )


def select_instance(args: "Args", verb: str, usage: str) -> SelectedInstance:
    """Find the instance that a command names, and allocate ports for its worktree.

    Args:
        args: The command line.
        verb: The command's verb.
        usage: The command's operands, for a hint.

    Raises:
        UsageError: The words do not name one instance with a port.
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
    return SelectedInstance(name, service, number, allocated)
