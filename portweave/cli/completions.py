"""Print the names with which a shell completes a word: `portweave __complete KIND [WORD …]`.

The scripts of `portweave completion` call this while the user types. So it imports little, prints
only names, takes at most 1.5 s, and starts, ends and writes nothing.
"""

import os
from importlib import import_module

from portweave.arguments.args import (
    Args,
    parse,
)
from portweave.arguments.global_options import (
    GLOBAL_OPTIONS,
    VERBS,
)
from portweave.errors import PortweaveError

TYPE_CHECKING = False  # `typing` costs as much as the work
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    # A name, and its description.
    Names = Iterable[tuple[str, str]]

_PATIENCE_S = 1.5
# If the supervisor does not answer, this leaves time to read the definition file.
_SILENCE_S = 0.7
_NOT_RUNNING = ("stopped", "exited", "completed", "failed", "blocked")


def answer(words: list[str]) -> int:
    """Print the names of a kind, one line each: the name, a tab, and its description.

    Args:
        words: The kind, one of `portweave.arguments.args.NAME_KINDS`, and the words of the command
            line before the completed one, without the program's name.

    Returns:
        The exit status. After any error it prints no name.
    """
    _end_in_time()
    try:
        line = _Line(words[1:])
        lines = [
            f"{name}\t{about}\n"
            for name, about in ANSWERS[words[0]](line)
            if name.isprintable() and name not in line.named
        ]
        os.write(1, "".join(dict.fromkeys(lines)).encode("utf-8", "surrogateescape"))
    except (PortweaveError, ArithmeticError, LookupError, OSError, ValueError):
        # The shell would show errors in the middle of the command line.
        return 1
    return 0


def _end_in_time() -> None:
    """Make the process exit silently when its time is up."""
    # The module `signal` makes enumerations, which takes longer than all the rest.
    signal = __import__("_signal")
    signal.signal(signal.SIGALRM, _end)
    signal.setitimer(signal.ITIMER_REAL, _PATIENCE_S)


def _end(number: int, frame: object) -> None:
    del number, frame
    os._exit(1)


class _Line:
    """The command line so far.

    Attributes:
        args: Its options and operands.
        named: Names that the line has already, which are not offered again.
    """

    def __init__(self, words: list[str]) -> None:
        self.args = args = Args()
        try:
            verb, *rest = parse(words, GLOBAL_OPTIONS, args, stop_at_operand=True) or [""]
            options = GLOBAL_OPTIONS
            # Few lines have an option, and importing a verb takes most of the time.
            if verb in VERBS and any(word.startswith("-") for word in rest):
                options += import_module(f"portweave.cli.verbs.{verb}").OPTIONS
            parse(rest, options, args)
        except PortweaveError:
            # The last option has no value yet: it may be the completed word.
            pass
        self.named = frozenset(args.operands)

    def instances(self) -> list[str]:
        """Return the instances in the definition file."""
        from portweave.cli.selection import project_here

        return list(project_here(self.args).instances())

    def rows(self) -> list[tuple[str, str]]:
        """Return the instances of the live stack with their states; none if no stack runs."""
        from portweave.client.client import ask
        from portweave.client.verb_queries import instance_of
        from portweave.encoding.json_text import (
            is_list,
            is_object,
        )

        try:
            found = ask(
                self.args, os.environ, "/supervisor/ps", patience_s=_SILENCE_S, reach_s=_SILENCE_S
            )
        except PortweaveError:
            return []
        rows = found.get("services") if is_object(found) else None
        return [
            (instance_of(row), str(row.get("state")))
            for row in (rows if is_list(rows) else [])
            if is_object(row)
        ]


def _services(line: _Line) -> "Names":
    return [(name, "service") for name in line.instances()]


def _stacked(line: _Line) -> "Names":
    return line.rows() or _services(line)


def _running(line: _Line) -> "Names":
    return [(name, state) for name, state in line.rows() if state not in _NOT_RUNNING]


def _idle(line: _Line) -> "Names":
    states = dict(line.rows())
    return [
        (name, states.get(name, "service"))
        for name in [*states, *(() if line.args.flag("stack") else line.instances())]
        if states.get(name, _NOT_RUNNING[0]) in _NOT_RUNNING
    ]


def _logged(line: _Line) -> "Iterator[tuple[str, str]]":
    from portweave.allocator.worktree import logs_dir
    from portweave.planning.project import find_worktree

    if line.args.flag("stack"):
        yield from line.rows()
        return
    worktree = find_worktree(os.getcwd(), line.args.text("config"), os.environ)
    try:
        names = sorted(os.listdir(logs_dir(worktree.root, worktree.namespace)))
    except OSError:
        names = []
    for name in names:
        if name.endswith(".log"):
            yield name.removesuffix(".log"), "log"
    try:
        found = line.instances()
    except PortweaveError:
        return
    for name in found:
        if f"{name}.log" not in names:
            yield name, "service"


def _counts(line: _Line) -> "Names":
    names = [name for name, _ in line.rows()] if line.args.flag("stack") else line.instances()
    given = {word.partition("=")[0] for word in (*line.args.operands, *line.args.texts("scale"))}
    return [(f"{name}=", "instances") for name in names if "." not in name and name not in given]


def _addresses(line: _Line) -> "Names":
    return [
        *((f"{name}/", state) for name, state in _running(line)),
        ("supervisor/", "the supervisor itself"),
    ]


def _stacks(line: _Line) -> "Names":
    from portweave.supervisor.registry.stack_records import live_stacks, stacks_dir

    del line  # all stacks of the machine
    found = live_stacks(stacks_dir(os.environ))
    return [(f"{stack.project}/{stack.namespace}", stack.root) for stack in found]


def _profiles(line: _Line) -> "Names":
    from portweave.planning.project import find_project

    project = find_project(
        os.getcwd(), config=line.args.text("config"), count=None, environ=os.environ
    )
    given = line.args.texts("profile")
    return [
        (profile, "profile")
        for service in project.definitions.services
        for profile in service.profiles
        if profile not in given
    ]


def _aliases(line: _Line) -> "Names":
    from portweave.allocator.names.route_store import RouteStore
    from portweave.supervisor.proxy.process.proxy_files import routes_dir

    routes = RouteStore(line.args.text("state_dir") or routes_dir(os.environ)).load_routes()
    return [(route.hostname, f"port {route.port}") for route in routes if route.pid == 0]


def _codes(_line: _Line) -> "Names":
    from portweave.cli.error_texts import all_texts

    return [(code, text.title) for code, text in all_texts().items()]


def _leases(line: _Line) -> "Names":
    from portweave.leases import holding

    given = line.args.texts("release")
    return [
        (lease.id, f"ports {', '.join(map(str, lease.ports))}")
        for lease in holding(os.environ)
        if lease.id not in given
    ]


ANSWERS: "dict[str, Callable[[_Line], Names]]" = {
    "addresses": _addresses,
    "aliases": _aliases,
    "codes": _codes,
    "counts": _counts,
    "idle": _idle,
    "leases": _leases,
    "logged": _logged,
    "profiles": _profiles,
    "running": _running,
    "services": _services,
    "stacked": _stacked,
    "stacks": _stacks,
}
