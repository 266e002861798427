"""`portweave clean`: remove files that portweave has written on this machine."""

import os
import sys

from portweave.arguments.args import (
    Args,
    Option,
)
from portweave.encoding.json_text import (
    is_list,
    pretty,
)
from portweave.errors import (
    NotRemovedError,
    PortweaveError,
    RemovalUnaskedError,
    StacksRunningError,
    UsageError,
)
from portweave.maintenance.cleaning import (
    Found,
    Kept,
    Leftover,
    block_leftovers,
    drop_empty,
    ended_leftovers,
    hosts_leftovers,
    learned_leftovers,
    lease_leftovers,
    name_leftovers,
    proxy_leftovers,
    registry_leftovers,
    running,
    stack_leftovers,
    trust_leftovers,
    worktree_leftovers,
    worktrees,
)
from portweave.planning.project import find_worktree, working_dir
from portweave.supervisor.proxy.process.proxy_files import routes_dir

OPTIONS = (
    Option("-a", "--all", about="of all worktrees, and what lies in portweave's own folders"),
    Option("--ports", about="give the ports back too: of this worktree, or with --all of all"),
    Option("-n", "--dry-run", about="only show what would be removed"),
    Option("-y", "--yes", about="agree beforehand"),
    Option("--hosts-file", metavar="PATH", values="files", about="the file, instead of /etc/hosts"),
)
USAGE = "[--all] [--ports] [--dry-run] [--yes] [--json]"
HELP = """
Remove the folder .portweave/ of this worktree, with its logs. With --all, remove that folder in
every worktree with ports; records and processes of killed stacks; dead sockets, ended leases,
blocks of deleted worktrees; the proxy, its routes and aliases; and the local CA. After a separate
question, --all also removes the trust in that CA and the lines in /etc/hosts.

clean shows first what it would remove, and refuses while stacks run. It keeps current leases, ports
on which a program listens, routes of running commands, and files of other programs, and names them.
Worktrees keep their ports unless --ports is given; some may be npm portweave's.
"""
_HOSTS = "/etc/hosts"


def run(args: Args) -> int:
    """Show what would be removed, ask, and remove it."""
    words = args.operands + (args.rest or [])
    if words:
        raise UsageError(f"unexpected argument '{words[0]}'")
    is_all, is_dry, as_json = args.flag("all"), args.flag("dry_run"), args.flag("json")
    root = find_worktree(working_dir(), args.text("config"), os.environ).root
    whose = None if is_all else root
    _refuse_running(whose)
    found = list(_found(args, root, is_all=is_all))
    leftovers = [one for one in found if isinstance(one, Leftover)]
    kept = [one for one in found if isinstance(one, Kept)]
    if not as_json or not is_dry:
        _show(leftovers, kept)
    removed: list[Leftover] = []
    failures: list[str] = []
    agreed = True
    if leftovers and not is_dry:
        agreed_to = _agreed(leftovers, is_agreed=args.flag("yes"))
        agreed = len(agreed_to) == len(leftovers)
        if agreed_to:
            # A stack may have started while the user answered.
            _refuse_running(whose)
        removed, failures = _remove(agreed_to, leftovers, kept)
        if is_all and agreed_to:
            drop_empty(os.environ)
    if as_json:
        fields: dict[str, object] = {
            "schemaVersion": 1,
            "dryRun": is_dry,
            "removed": [
                {"kind": one.kind, "path": one.path, "about": one.about}
                for one in (leftovers if is_dry else removed)
            ],
            "kept": [{"path": one.path, "why": one.why} for one in kept],
        }
        sys.stdout.write(pretty(fields) + "\n")
    if failures:
        raise NotRemovedError(failures)
    return 0 if agreed else 1


def _refuse_running(root: str | None) -> None:
    stacks = running(os.environ, root)
    if stacks:
        names = [f"{one.project}/{one.namespace} ({one.root}, pid {one.pid})" for one in stacks]
        raise StacksRunningError(names, "portweave down" if root else "portweave down --all")


def _found(args: Args, root: str, *, is_all: bool) -> Found:
    environ = os.environ
    if not is_all:
        yield from worktree_leftovers(root)
        if args.flag("ports"):
            yield from block_leftovers(environ, root)
        return
    for place in worktrees(environ, root):
        yield from worktree_leftovers(place)
    yield from stack_leftovers(environ)
    yield from ended_leftovers(environ)
    yield from learned_leftovers(environ)
    yield from lease_leftovers(environ)
    yield from registry_leftovers(environ)
    if args.flag("ports"):
        yield from block_leftovers(environ, None)
        yield from name_leftovers(environ)
    # The trust first: removing it needs the CA's certificate.
    yield from trust_leftovers(environ)
    yield from proxy_leftovers(environ, os.path.abspath(routes_dir(environ)))
    yield from hosts_leftovers(args.text("hosts_file") or _HOSTS)


def _show(leftovers: list[Leftover], kept: list[Kept]) -> None:
    if leftovers:
        _say("to be removed:")
    else:
        _say("there is nothing to remove")
    for one in leftovers:
        if not one.is_of_system:
            _say(f"  {one.path}: {one.about}")
    if any(one.is_of_system for one in leftovers):
        _say("and, outside portweave's own folders:")
    for one in leftovers:
        if one.is_of_system:
            _say(f"  {one.path}: {one.about}")
    for stays in kept:
        _say(f"stays: {stays.path}: {stays.why}")


def _agreed(leftovers: list[Leftover], *, is_agreed: bool) -> list[Leftover]:
    if is_agreed:
        return leftovers
    if not sys.stdin.isatty():
        raise RemovalUnaskedError
    from portweave.cli.confirm import agrees

    agreed_to: list[Leftover] = []
    for is_of_system in (False, True):
        asked = [one for one in leftovers if one.is_of_system == is_of_system]
        if asked and is_of_system:
            _say(f"outside portweave's own folders: {', '.join(one.about for one in asked)}")
        if asked and agrees():
            agreed_to += asked
        elif asked:
            _say("nothing of that was removed" if is_of_system else "nothing was removed")
            if not is_of_system:
                return []
    return agreed_to


def _remove(
    agreed_to: list[Leftover], leftovers: list[Leftover], kept: list[Kept]
) -> tuple[list[Leftover], list[str]]:
    removed: list[Leftover] = []
    failures: list[str] = []
    # In the order of the findings.
    for one in [one for one in leftovers if one in agreed_to]:
        if one.kind == "ca" and any(
            other.kind == "trust" and other not in removed for other in leftovers
        ):
            stays = Kept(one.path, "it is trusted still: portweave trust --remove needs it")
            kept.append(stays)
            _say(f"stays: {stays.path}: {stays.why}")
            continue
        try:
            told = one.remove()
        except PortweaveError as error:
            failures.append(f"{one.path}: {error.message}")
        except OSError as error:
            failures.append(f"{one.path}: {error.strerror or error}")
        else:
            removed.append(one)
            _say(f"removed {one.path}")
            for line in told if is_list(told) else ():
                _say(str(line))
    return removed, failures


def _say(text: str) -> None:
    print(f"[portweave] {text}", file=sys.stderr, flush=True)
