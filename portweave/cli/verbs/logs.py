"""`portweave logs`: print the output of a worktree's services."""

import os
import sys
import time

from portweave import errors
from portweave.allocator.worktree import logs_dir
from portweave.arguments.args import (
    Args,
    Operands,
    Option,
)
from portweave.client.client import named_as
from portweave.client.verb_queries import STACK
from portweave.encoding import colours
from portweave.logreading.query import (
    Folder,
    Query,
    Source,
    find_sources,
    merged,
    select_last,
)
from portweave.logreading.view import (
    Follower,
    Printer,
)
from portweave.planning.project import as_running, find_worktree, working_dir

TYPE_CHECKING = False  # `typing` costs as much as the work
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from portweave.supervisor.logs.filters import Grep

_LINES = "Which lines"
_FORM = "What stands before lines"
_SUMMARY = "A summary"
OPTIONS = (
    Option("-f", "--follow", about="go on with what comes, in this stack and in later ones"),
    Option(
        "-n", "--lines", metavar="N", about="only the last N lines of each service", group=_LINES
    ),
    Option(
        "--tail-total",
        metavar="N",
        about="only the last N lines of all services together",
        group=_LINES,
    ),
    Option(
        "--since",
        metavar="TIME",
        about="from then on: 5m, 2h, 1d, 14:30, or RFC 3339",
        group=_LINES,
    ),
    Option("--until", metavar="TIME", about="up to then", group=_LINES),
    Option("--at", metavar="TIME", about="around then, with the time of each line", group=_LINES),
    Option(
        "--around", metavar="TIME", about="with --at: so long before and after (10s)", group=_LINES
    ),
    Option(
        "--run",
        metavar="N",
        values=("last", "all"),
        about="one run of each service: its number, or `last`; `all`: of earlier stacks too",
        group=_LINES,
    ),
    Option(
        "--stream",
        metavar="NAME",
        values=("out", "err"),
        about="out or err: one of the two streams",
        group=_LINES,
    ),
    Option(
        "--grep",
        metavar="RE",
        about="only lines in which a regular expression is found",
        group=_LINES,
    ),
    Option("-i", "--ignore-case", about="with --grep: capitals do not matter", group=_LINES),
    Option("-v", "--invert-match", about="with --grep: the other lines", group=_LINES),
    Option(
        "-C", "--context", metavar="N", about="with --grep: N lines around each, too", group=_LINES
    ),
    Option("-t", "--timestamps", about="the time before each line", group=_FORM),
    Option("--no-prefix", about="no names before lines", group=_FORM),
    Option("--brief", about="a summary: first errors, newest lines, a cursor", group=_SUMMARY),
    Option(
        "--budget",
        metavar="TOKENS",
        about="with --brief: how long it may be (2000)",
        group=_SUMMARY,
    ),
    Option(
        "--after", metavar="CURSOR", about="with --brief: only what has come since", group=_SUMMARY
    ),
    STACK,
    Option("-a", "--all", about="the logs of all worktrees of this machine"),
)
USAGE = "[options] [SERVICE …]"
OPERANDS = Operands("logged", many=True)
HELP = """
Print the output of this worktree's services, or of the named ones, since the last start of the
stack, in order of time. web also means web.2. A service that reload has removed is only shown if
named. --run all, --since, --until and --at also show earlier stacks. The stack need not run: logs
are kept for 14 days, 50 MiB for each service.

--brief summarises the newest run of each service: the first errors with the lines around them, then
the newest lines, each kind of line once with a count. --budget limits it, in tokens of about four
characters. Its last line is a cursor: with --after, the next call prints what came later.

Here -f means --follow; use --config for a definition file. --json prints one object a line: time,
service, instance, stream, run, line.
"""
_AROUND_S = 10.0
_STREAMS = {"out": 0, "err": 1}


def run(args: Args) -> int:
    """Print logs."""
    if args.rest:
        raise errors.UsageError("logs takes names of services, not a command")
    query = _query(args)
    names = args.operands
    is_terminal = sys.stdout.isatty()
    refused = args.flag("no_color")
    printer = Printer(
        sys.stdout.fileno(),
        terminal=is_terminal,
        colour=colours.are_kept(os.environ, is_terminal=is_terminal, refused=refused),
        style=colours.style_of(
            os.environ,
            out_is_terminal=is_terminal,
            err_is_terminal=os.isatty(2),
            refused=refused,
        ),
        prefix=not args.flag("no_prefix"),
        times=args.flag("timestamps") or args.flag("at"),
        as_json=args.flag("json"),
    )
    stack = args.text("stack")
    here = ""
    if stack is not None:
        _refuse(args, "stack", ("all",))
        here = _named_folder(stack)
    elif not args.flag("all"):
        here = _own_folder(args)

    of_this_stack = not any(args.flag(name) for name in ("run", "since", "until", "at", "after"))

    def find_folders() -> "Sequence[Folder]":
        folders = [Folder(here)] if here else list(_all_folders())
        if of_this_stack:
            for folder in folders:
                select_last(folder)
        return folders

    folders = find_folders()
    sources = [source for folder in folders for source in find_sources(folder, names)]
    if here and stack is None:
        _check_names(args, sources)
    if args.flag("brief"):
        from portweave.logreading.summary import summarise

        _refuse(args, "brief", ("follow", "lines", "tail_total", "all"))
        if query.run is None and query.since_ns is None and args.text("run") != "all":
            query.run = 0
        budget = _number(args, "budget", "--budget")
        print(
            summarise(sources, query, 2000 if budget is None else budget, as_json=args.flag("json"))
        )
        return 0
    if args.flag("follow"):
        Follower(find_folders, names, query, printer).run()
    else:
        are_left_out = any(folder.removed for folder in folders)
        if not (sources or names or are_left_out):
            text = "there are no logs yet: portweave up writes them"
            root = here.rpartition("/.portweave/")[0]
            if here and not os.path.isdir(root):
                text = f"the folder {root} was moved or removed; its logs were in it"
            elif here and os.path.lexists(here) and not os.path.isdir(here):
                text = f"no logs are kept: {here} is not a folder; remove it"
            print(f"[portweave] {text}", file=sys.stderr)
        new = [source for source in sources if not source.is_older]
        if (sources or are_left_out) and not new:
            text = "nothing was printed since the stack was started last; --run all shows more"
            print(f"[portweave] {text}", file=sys.stderr)
        sources = new
        printer.name(sources)
        for source, block in merged(sources, query):
            printer.show(source, block)
    printer.close()
    return 0


def _query(args: Args) -> Query:
    since_ns, until_ns = _span(args)
    return Query(
        since_ns=since_ns,
        until_ns=until_ns,
        last=_number(args, "tail_total", "--tail-total"),
        last_each=_number(args, "lines", "-n"),
        stream=_stream(args.text("stream")),
        run=_run_number(args.text("run")),
        grep=_grep(args),
        after=_cursor(args),
    )


def _span(args: Args) -> tuple[int | None, int | None]:
    """The first and the last moment of the lines; None for no limit."""
    at_ns = _moment(args, "at")
    around = args.text("around")
    if at_ns is None:
        if around is not None:
            raise errors.UsageError("--around goes with --at")
        return _moment(args, "since"), _moment(args, "until")
    _refuse(args, "at", ("since", "until", "follow", "after"))
    around_s: float | None = _AROUND_S
    if around is not None:
        from portweave.encoding.duration import parse as parse_duration

        around_s = parse_duration(around)
    if around_s is None:
        raise errors.UsageError(f"--around takes a time such as 10s or 2m, received {around!r}")
    return max(0, at_ns - int(around_s * 1e9)), at_ns + int(around_s * 1e9)


def _moment(args: Args, name: str) -> int | None:
    text = args.text(name)
    if text is None:
        return None
    from portweave.encoding.timestamps import parse

    found_s = parse(text, time.time())
    if found_s is None:
        raise errors.UsageError(
            f"--{name} takes a time, received {text!r}",
            hint="as in 5m, 1h30m, 2d, 14:30, 2026-01-31T14:30:00Z",
        )
    return int(found_s * 1e6) * 1000


def _number(args: Args, name: str, flag: str) -> int | None:
    text = args.text(name)
    if text is None:
        return None
    from portweave.cli.option_values import whole_number_of

    return whole_number_of(text, flag, 0)


def _stream(text: str | None) -> int | None:
    if text is not None and text not in _STREAMS:
        raise errors.UsageError(f"--stream takes out or err, received {text!r}")
    return None if text is None else _STREAMS[text]


def _run_number(text: str | None) -> int | None:
    if text is None or text == "all":
        return None
    if text == "last":
        return 0
    if not (text.isascii() and text.isdigit() and 0 < int(text[:10]) < 1 << 32):
        raise errors.UsageError(f"--run takes a number from 1, `last` or `all`, received {text!r}")
    return int(text)


def _grep(args: Args) -> "Grep | None":
    pattern = args.text("grep")
    if pattern is None:
        for name, flag in (("ignore_case", "-i"), ("invert_match", "-v"), ("context", "-C")):
            if args.flag(name):
                raise errors.UsageError(f"{flag} goes with --grep")
        return None
    import re

    from portweave.supervisor.logs.filters import Grep

    try:
        return Grep(
            pattern,
            ignore_case=args.flag("ignore_case"),
            invert=args.flag("invert_match"),
            context=_number(args, "context", "-C") or 0,
        )
    except (re.error, OverflowError, RecursionError) as error:
        raise errors.UsageError(f"--grep takes a regular expression: {error}") from None


def _cursor(args: Args) -> "dict[str, tuple[int, int]] | None":
    for name in ("budget", "after"):
        if args.flag(name) and not args.flag("brief"):
            raise errors.UsageError(f"--{name} goes with --brief")
    text = args.text("after")
    if text is None:
        return None
    from portweave.supervisor.logs.cursor import unpack

    try:
        return unpack(text)
    except ValueError:
        raise errors.UsageError(
            f"--after takes a cursor, received {text!r}",
            hint="the last line of logs --brief has one",
        ) from None


def _refuse(args: Args, name: str, others: "Sequence[str]") -> None:
    for other in others:
        if args.flag(other):
            flag = other.replace("_", "-")
            raise errors.UsageError(f"--{name} and --{flag} are mutually exclusive")


def _own_folder(args: Args) -> str:
    from portweave.allocator.naming import is_own_namespace
    from portweave.supervisor.registry.stack_records import stack_around, stacks_dir

    environ = os.environ
    worktree = find_worktree(working_dir(), args.text("config"), environ)
    # As for other commands: if only a stack of a chosen namespace runs, it is this one.
    live = stack_around(stacks_dir(environ), worktree.root, environ)
    if live is not None:
        return logs_dir(worktree.root, live.namespace)
    key = as_running(worktree, environ).key
    # Without a namespace that the user has chosen, the files of a stack move with the worktree.
    is_own = is_own_namespace(key.namespace, key.worktree_root)
    return logs_dir(worktree.root, worktree.namespace if is_own else key.namespace)


def _named_folder(named: str) -> str:
    """Return the folder with the logs of another worktree, whether or not its stack runs.

    Raises:
        NoStackError: No worktree has that name.
        UsageError: Several worktrees have it.
    """
    return named_as(list(_all_folders()), named).path


def _all_folders() -> "Iterator[Folder]":
    from portweave.allocator.lease_folders import leases_dir
    from portweave.allocator.naming import project_name
    from portweave.allocator.ports.registry import (
        load,
        registry_path,
    )
    from portweave.allocator.worktree import own_namespace
    from portweave.supervisor.processes.process_tree import children_now
    from portweave.supervisor.registry.moved_folder import place_now
    from portweave.supervisor.registry.stack_records import live_stacks, stacks_dir

    seen: set[str] = set()
    for stack in live_stacks(stacks_dir(os.environ)):
        path = logs_dir(stack.root, stack.namespace)
        if path not in seen:
            # The registry may have the new path of a moved worktree.
            seen |= {path, logs_dir(stack.folder, stack.namespace)}
            if (now := place_now(stack, children_now(stack.pid))) not in ("", stack.root):
                chosen = logs_dir(now, stack.namespace)
                path = chosen if os.path.isdir(chosen) else logs_dir(now, own_namespace(now))
            yield Folder(path, stack.project, stack.namespace)
    leases = leases_dir(os.environ)
    for entry in load(registry_path(os.environ)):
        root = entry.key.worktree_root
        path = logs_dir(root, entry.namespace)
        if path not in seen and not root.startswith(f"{leases}/"):
            seen.add(path)
            main_root = (entry.key.git_common_dir or root).removesuffix("/.git")
            yield Folder(path, project_name(main_root), entry.namespace)


def _check_names(args: Args, sources: "Sequence[Source]") -> None:
    """Check that each name is the name of a log or of a service."""
    found = {source.log.instance for source in sources} | {source.service for source in sources}
    missing = [name for name in args.operands if name not in found]
    if not missing:
        return
    from portweave.cli.selection import project_here
    from portweave.procfiles.graph import unknown_service

    services = {service.name for service in project_here(args).definitions.services}
    for name in missing:
        service, dot, number = name.rpartition(".")
        if name not in services and not (dot and number.isdigit() and service in services):
            raise unknown_service(name, sorted({*services, *found}))
        if not args.flag("follow"):
            print(f"[portweave] {name} has printed nothing yet", file=sys.stderr)
