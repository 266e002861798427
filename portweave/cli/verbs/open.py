"""`portweave open`: open a service in the browser."""

import os
import sys

from portweave.arguments.args import (
    Args,
    Operands,
    Option,
)
from portweave.cli.selection import select_instance
from portweave.cli.verbs.url import url_of_selected
from portweave.errors import NoBrowserError

OPTIONS: tuple[Option, ...] = ()
USAGE = "SERVICE"
OPERANDS = Operands("services")
HELP = """
Open the URL of SERVICE (web, or web.2) in the browser. The variable BROWSER names the command for
it; without BROWSER it is open (macOS), xdg-open or wslview.
"""
_OPENERS = ("xdg-open", "wslview", "sensible-browser")
_DEFAULT_PATH = "/usr/bin:/bin"


def run(args: Args) -> int:
    """Open the service's URL."""
    url = url_of_selected(select_instance(args, "open", USAGE))
    words = _opener(os.environ.get("BROWSER", ""), sys.platform)
    if not words:
        raise NoBrowserError(url)
    argv = [word.replace("%s", url) for word in words]
    if argv == words:
        argv.append(url)
    print(f"[portweave] {url}", file=sys.stderr, flush=True)
    try:
        pid = os.posix_spawnp(argv[0], argv, os.environ)
    except OSError as error:
        raise NoBrowserError(url, f"{argv[0]}: {error.strerror}") from error
    _, status = os.waitpid(pid, 0)
    if status != 0:
        raise NoBrowserError(url, f"{argv[0]} ended with {os.waitstatus_to_exitcode(status)}")
    return 0


def _opener(browser: str, platform: str) -> list[str]:
    """Return the command that opens a URL; empty if there is none."""
    if browser:
        from shlex import split

        # BROWSER may name several commands. The first that exists is taken.
        for command in browser.split(":"):
            words = split(command)
            if words and _is_there(words[0]):
                return words
    names = ("open",) if platform == "darwin" else _OPENERS
    return [name for name in names if _is_there(name)][:1]


def _is_there(program: str) -> bool:
    if "/" in program:
        return os.access(program, os.X_OK)
    folders = os.environ.get("PATH", _DEFAULT_PATH).split(":")
    return any(os.access(f"{folder or '.'}/{program}", os.X_OK) for folder in folders)
