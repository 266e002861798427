"""`portweave exec`: run a command in a service's environment."""

import os

from portweave.arguments.args import (
    Args,
    Operands,
)
from portweave.cli.exec_command import execute
from portweave.client.client import ask
from portweave.client.verb_queries import STACK
from portweave.encoding.json_text import is_object
from portweave.errors import SpawnError, UsageError

OPTIONS = (STACK,)
USAGE = "SERVICE -- COMMAND [ARGUMENT …]"
OPERANDS = Operands("stacked", command=True)
HELP = """
Run a command in this terminal with the environment and in the folder of a service of the running
stack. The command does not belong to the service: stopping the stack does not stop it.

Exit status: the command's own; 126 if it cannot be executed, 127 if it does not exist.
"""


def run(args: Args) -> int:
    """Replace this process with the command."""
    if len(args.operands) != 1 or not args.rest:
        raise UsageError(
            "exec takes one service and a command", hint="portweave exec api -- COMMAND"
        )
    name = args.operands[0]
    answer = ask(args, os.environ, "/supervisor/environment", [name], f"exec {name}")
    found = answer if is_object(answer) else {}
    variables, folder = found.get("environment"), str(found.get("workingDir", "."))
    env = {k: str(v) for k, v in variables.items()} if is_object(variables) else {}
    # These variables describe this terminal, not the service's.
    for name in ("TERM", "COLORTERM", "COLUMNS", "LINES", "SHLVL", "SSH_AUTH_SOCK", "DISPLAY"):
        if name in os.environ:
            env[name] = os.environ[name]
    folder = _folder_now(args, folder)
    try:
        os.chdir(folder)
    except OSError as error:
        raise UsageError(f"its folder {folder} cannot be entered: {error.strerror}") from error
    try:
        execute(args.rest, env)
    except SpawnError as error:
        error.exit_status = 127 if error.errno_name in ("ENOENT", "ENOTDIR") else 126
        raise
    raise AssertionError("a command that was not found is an error")


def _folder_now(args: Args, folder: str) -> str:
    """Return the folder of a service, also if its worktree was moved while the stack runs."""
    if os.path.isdir(folder):
        return folder
    from portweave.supervisor.registry.moved_folder import moved_here
    from portweave.supervisor.registry.stack_records import stacks_dir

    config = args.text("config")
    start = os.path.realpath(os.path.dirname(config) if config else ".")
    moved = moved_here(stacks_dir(os.environ), start, os.environ)
    if moved is None or args.text("stack") is not None:
        return folder
    stack, place = moved
    inside = os.path.relpath(folder, stack.root)
    return folder if inside.startswith("..") else os.path.normpath(os.path.join(place, inside))
