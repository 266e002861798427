"""`portweave run`: become a command that has the worktree's ports in its environment."""

import os

from portweave.allocator.jsontext import compact
from portweave.args import Args, Option
from portweave.become import execute
from portweave.environment import undo_coercion
from portweave.errors import UsageError
from portweave.prepare import Prepared, check_selection, find_project, prepare, working_dir
from portweave.show import banner

OPTIONS: tuple[Option, ...] = ()
USAGE = "[options] [--] COMMAND [ARGUMENT …]"
HELP = """
Run COMMAND with the ports of this worktree in its environment, and write them to
.portweave/current.env. The worktree gets its ports on first use and keeps them.
"""


def run(args: Args) -> int:
    """Become the command; what is returned is only for one that cannot be started."""
    config = args.text("config")
    words = _command(args.unread) if args.rest is None else args.rest
    if config is not None and args.text("count") is not None:
        raise UsageError("--config and --count are mutually exclusive")
    if not words:
        raise UsageError("no command provided after --")
    count = check_selection(config, args.text("count"))
    environ = dict(os.environ)
    project = find_project(working_dir(), config=config, count=count, environ=environ)
    prepared = prepare(project)
    _say(_banner(prepared, words, verbose=args.flag("verbose")))
    execute(words, _environment(prepared))
    raise AssertionError("a command that was not found is an error")


def asks_for_help(words: list[str]) -> bool:
    """Whether help is asked for before the command's own options begin."""
    for word in words:
        if word in {"-h", "--help"}:
            return True
        if word.startswith("-") and word != "-":
            return False
    return False


def _command(words: list[str]) -> list[str]:
    """The command's words: the first `--` before any of its options is ours."""
    for index, word in enumerate(words):
        if word == "--":
            return words[:index] + words[index + 1 :]
        if word.startswith("-") and word != "-":
            break
    return words


def _banner(prepared: Prepared, words: list[str], *, verbose: bool) -> str:
    project = prepared.project
    folder = project.worktree.root.rpartition("/")[2]
    lines = [f"[portweave] {warning}" for warning in prepared.warnings]
    lines.append(
        banner(
            folder,
            prepared.entry.namespace,
            project.rows(),
            prepared.ports,
            reused=prepared.reused,
        )
    )
    lines.append("[portweave] wrote .portweave/current.env")
    if verbose:
        key = project.key
        paths = project.definitions.paths
        fields = {
            "gitCommonDir": key.git_common_dir,
            "namespace": key.namespace,
            "worktreeRoot": key.worktree_root,
        }
        lines += [
            f"[portweave] config: {paths[0] if paths else '<anonymous-mode>'}",
            f"[portweave] registry: {project.registry}",
            f"[portweave] key: {compact(fields)}",
        ]
    return "\n".join([*lines, f"[portweave] launching: {' '.join(words)}", ""])


def _say(text: str) -> None:
    """Write to stderr at once; a command runs whether or not anybody reads this."""
    rest = text.encode("utf-8", "surrogateescape")
    try:
        while rest:
            rest = rest[os.write(2, rest) :]
    except OSError:
        return


def _environment(prepared: Prepared) -> dict[str, str]:
    """The command's environment: computed, and what is inherited wins."""
    environ = prepared.project.environ
    env = {**prepared.env, **environ}
    for name, value in prepared.env.items():
        env[name] = prepared.inherited.get(name, value)
    # So that a portweave inside the command can tell what it inherits from this one.
    env["PORTWEAVE_WORKTREE"] = prepared.project.worktree.root
    undo_coercion(env)
    return env
