"""`portweave hosts`: names for programs that do not resolve *.localhost by themselves."""

import os
import sys

from portweave.allocator.hostsfile import block, with_block, without_block
from portweave.allocator.registry import read_all
from portweave.args import Args, Option
from portweave.errors import HostsUnwritableError, UsageError
from portweave.supervisor.proxy.station import open_store

OPTIONS = (
    Option("--write", about="write them to the file, if you agree"),
    Option("--remove", about="take them out of the file, if you agree"),
    Option("-y", "--yes", about="agree beforehand"),
    Option("--hosts-file", metavar="PATH", values="files", about="the file, instead of /etc/hosts"),
    Option("--state-dir", metavar="DIR", values="folders", about="the folder of the routes"),
)
USAGE = "[--write | --remove] [--yes]"
HELP = """
Print the lines of /etc/hosts that lead the names of all routes to this machine. Chrome and Firefox
need none; Safari, curl without --resolve and many programs do.

--write puts them into /etc/hosts, between two marks, in place of those that were there before;
--remove takes them out. Either shows what it will do and asks first. Both need the right to write
that file, and nothing else of portweave does.
"""
_FILE = "/etc/hosts"


def run(args: Args) -> int:
    """Print the lines, or change the file."""
    words = args.operands + (args.rest or [])
    if words:
        raise UsageError(f"unexpected argument '{words[0]}'")
    write, remove = args.flag("write"), args.flag("remove")
    if write and remove:
        raise UsageError("--write and --remove are mutually exclusive")
    path = args.text("hosts_file") or _FILE
    names = [
        route.hostname for route in open_store(args.text("state_dir"), os.environ).load_routes()
    ]
    if not (write or remove):
        print(block(names), end="")
        return 0
    before = _text(path)
    after = with_block(before, names) if write else without_block(before)
    if after == before:
        print(f"[portweave] {path} is as it should be", file=sys.stderr)
        return 0
    what = f"to be written to {path}:\n{block(names)}" if write else f"to be taken out of {path}"
    print(f"[portweave] {what.rstrip()}", file=sys.stderr)
    if not args.flag("yes") and not _agrees():
        print("[portweave] nothing was changed", file=sys.stderr)
        return 1
    try:
        _replace(path, after)
    except OSError as error:
        raise HostsUnwritableError(path, error.strerror or str(error)) from error
    return 0


def _text(path: str) -> str:
    try:
        return read_all(path).decode("utf-8", "surrogateescape")
    except FileNotFoundError:
        return ""
    except OSError as error:
        raise HostsUnwritableError(path, error.strerror or str(error)) from error


def _agrees() -> bool:
    if not sys.stdin.isatty():
        print("[portweave] nobody can be asked: --yes agrees beforehand", file=sys.stderr)
        return False
    from portweave.consent import agrees

    return agrees()


def _replace(path: str, text: str) -> None:
    """Replace the file as a whole, or in place where it is mounted by itself (in a container)."""
    from errno import EBUSY, EXDEV

    data = text.encode("utf-8", "surrogateescape")
    target = os.path.realpath(path)
    temporary = f"{target}.portweave.{os.getpid()}"
    status = os.stat(target) if os.path.exists(target) else None
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)
    try:
        os.write(descriptor, data)
        if status is not None:
            os.fchmod(descriptor, status.st_mode & 0o7777)
            os.fchown(descriptor, status.st_uid, status.st_gid)
        os.fsync(descriptor)
        os.rename(temporary, target)
    except OSError as error:
        os.unlink(temporary)
        if error.errno not in (EBUSY, EXDEV):
            raise
        with open(target, "wb") as file:
            file.write(data)
    finally:
        os.close(descriptor)
