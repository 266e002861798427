"""`portweave run`: run a command with the worktree's ports in its environment."""

import os

from portweave import errors
from portweave.allocator.socket_paths import socket_path
from portweave.allocator.state_folder import stack_key, state_dir
from portweave.arguments.args import (
    Args,
    Operands,
    Option,
)
from portweave.cli.exec_command import execute
from portweave.encoding.terminal_escapes import escaped
from portweave.planning.allocation import AllocatedProject, allocate
from portweave.planning.allocation_text import (
    banner,
    whereabouts,
)
from portweave.planning.project import find_project, working_dir
from portweave.system.clean_environment import undo_coercion
from portweave.system.files import write_all

OPTIONS = (
    Option("--name", metavar="NAME", about="give it a port of its own in PORT, and a route"),
    Option("--force", about="with --name: replace the route of another process"),
)
USAGE = "[options] [--] COMMAND [ARGUMENT …]"
OPERANDS = Operands("command", command=True)
HELP = """
Run COMMAND with the ports of this worktree in its environment, and write them to
.portweave/current.env. The worktree gets its ports on first use and keeps them. PORTWEAVE_SOCKET
names the socket for calls to services of the worktree's stack (portweave.cluster.connect).

With --name, COMMAND also finds a port in PORT, and http://NAME.PROJECT.localhost:1355 leads there
while it runs. If NAME is a service, it is the service's port; if not, it is a new port, released
when COMMAND ends. --name needs no definition file. `portweave proxy start` starts the proxy.
"""


def run(args: Args) -> int:
    """Replace this process with the command."""
    config = args.text("config")
    words = _command(args.unread) if args.rest is None else args.rest
    if config is not None and args.text("count") is not None:
        raise errors.UsageError("--config and --count are mutually exclusive")
    if not words:
        raise errors.UsageError("no command provided after --")
    count: int | None = None
    if args.text("count") is not None:
        from portweave.cli.option_values import count_of

        count = count_of(args.text("count"))
    environ = dict(os.environ)
    name = args.text("name")
    if name is not None:
        _run_named(name, words, config, count, environ, args)
    elif args.flag("force"):
        raise errors.UsageError("--force is for --name alone")
    project = find_project(working_dir(), config=config, count=count, environ=environ)
    allocated = allocate(project)
    _say(_banner(allocated, words, verbose=args.flag("verbose")))
    execute(words, _environment(allocated))
    raise AssertionError("a command that was not found is an error")


def _run_named(
    name: str,
    words: list[str],
    config: str | None,
    count: int | None,
    environ: dict[str, str],
    args: Args,
) -> None:
    from portweave.cli.named_run import name_command

    cwd = working_dir()
    allocated: AllocatedProject | None = None
    try:
        allocated = allocate(find_project(cwd, config=config, count=count, environ=environ))
    except errors.DefinitionsMissingError:
        if config is not None:
            raise
    named = name_command(name, words, allocated, cwd=cwd, environ=environ, force=args.flag("force"))
    env = {**environ}
    lines = [*named.lines, f"[portweave] launching: {' '.join(named.words)}", ""]
    if allocated is None:
        undo_coercion(env)
    else:
        env = _environment(allocated)
        lines = [_banner(allocated, named.words, verbose=args.flag("verbose")).rstrip("\n")]
        lines = [*lines, *named.lines, ""]
    _say("\n".join(lines))
    execute(named.words, {**env, **named.env})


def asks_for_help(words: list[str]) -> bool:
    """Whether `--help` comes before the command's own options."""
    for word in words:
        if word in {"-h", "--help"}:
            return True
        if word.startswith("-") and word != "-":
            return False
    return False


def _command(words: list[str]) -> list[str]:
    """Return the command's words, without a `--` before its first option."""
    for index, word in enumerate(words):
        if word == "--":
            return words[:index] + words[index + 1 :]
        if word.startswith("-") and word != "-":
            break
    return words


def _banner(allocated: AllocatedProject, words: list[str], *, verbose: bool) -> str:
    project = allocated.project
    folder = project.worktree.root.rpartition("/")[2]
    lines = [f"[portweave] {warning}" for warning in allocated.warnings]
    lines.append(
        banner(
            folder,
            allocated.entry.namespace,
            project.rows(),
            allocated.ports,
            reused=allocated.reused,
        )
    )
    lines.append("[portweave] wrote .portweave/current.env")
    if verbose:
        paths = project.definitions.paths
        config = paths[0] if paths else "<anonymous-mode>"
        lines += whereabouts(config, project.registry, project.key)
    return "\n".join([*lines, f"[portweave] launching: {' '.join(words)}", ""])


def _say(text: str) -> None:
    """Write to stderr at once; ignore errors, so that the command runs anyway."""
    try:
        write_all(2, escaped(text).encode("utf-8", "surrogateescape"))
    except OSError:
        return


def _environment(allocated: AllocatedProject) -> dict[str, str]:
    """Return the command's environment; inherited variables override computed ones."""
    environ = allocated.project.environ
    env = {**allocated.env, **environ}
    for name, value in allocated.env.items():
        env[name] = allocated.inherited.get(name, value)
    _join_calls(env, allocated)
    # By this, a portweave inside the command recognises the variables of this one.
    env["PORTWEAVE_WORKTREE"] = allocated.project.worktree.root
    undo_coercion(env)
    return env


def _join_calls(env: dict[str, str], allocated: AllocatedProject) -> None:
    """Set the socket of the worktree's stack, whether or not the stack runs."""
    key, environ = allocated.project.key, allocated.project.environ
    is_ours = environ.get("PORTWEAVE_WORKTREE") in (None, key.worktree_root)
    is_ours = is_ours and environ.get("PORTWEAVE_NAMESPACE") in (None, key.namespace)
    if is_ours and environ.get("PORTWEAVE_SOCKET"):
        return
    # These belong to another stack, and are only valid there.
    for name in ("PORTWEAVE_NAME", "PORTWEAVE_TOKEN", "PORTWEAVE_SOCKET"):
        env.pop(name, None)
    folder = f"{state_dir(environ)}/stacks"
    path = socket_path(environ, folder, stack_key(key.worktree_root, key.namespace))
    if path:
        env["PORTWEAVE_SOCKET"] = path
