"""`portweave trust`: make this machine trust the proxy's certificates."""

import os
import sys

from portweave.arguments.args import (
    Args,
    Option,
)
from portweave.errors import NoTrustStoreError, TrustUnaskedError, UsageError
from portweave.supervisor.proxy.process.proxy_files import (
    make_folder,
    open_store,
    state_folder,
)

TYPE_CHECKING = False  # `typing` costs as much as the work
if TYPE_CHECKING:
    from portweave.supervisor.proxy.tls.trust_stores import (
        Facts,
        Step,
    )

OPTIONS = (
    Option("--remove", about="have it no longer trusted"),
    Option("--dry-run", about="only show what would be done"),
    Option("-y", "--yes", about="agree beforehand"),
    Option("--state-dir", metavar="DIR", values="folders", about="the folder of the proxy"),
)
USAGE = "[--remove] [--dry-run] [--yes]"
HELP = """
Make the system and its browsers trust the local CA, which signs the certificates of `proxy start
--tls`. trust creates the CA if there is none. Its certificates are only valid for localhost, names
that end in it, and loopback addresses.

trust shows the commands first, and runs them if you agree. They write the stores of Debian, Fedora,
SUSE, Arch and macOS, with sudo if the system asks for it. certutil (libnss3-tools, nss-tools)
writes the stores of Chromium and Firefox. --remove undoes all of it; the CA itself stays in its
folder.
"""


def run(args: Args) -> int:
    """Show the commands, and run them if the user agrees."""
    words = args.operands + (args.rest or [])
    if words:
        raise UsageError(f"unexpected argument '{words[0]}'")
    from portweave.maintenance.trust import read_trust
    from portweave.supervisor.proxy.tls.trust_stores import (
        is_possible,
        steps,
    )

    remove, is_dry = args.flag("remove"), args.flag("dry_run")
    store = open_store(args.text("state_dir"), os.environ)
    folder = state_folder(store)
    if not (remove or is_dry):
        from portweave.supervisor.proxy.tls.authority import open_authority

        make_folder(store)
        open_authority(folder)
    facts = read_trust(folder, os.environ)
    found = steps(facts, remove=remove)
    _hint(facts)
    if not found:
        if not is_possible(facts):
            raise NoTrustStoreError(facts.authority)
        _say(f"{facts.authority} is {'not trusted' if remove else 'trusted already'}")
        return 0
    _show(found, remove=remove, path=facts.authority)
    if is_dry:
        return 0
    if not args.flag("yes"):
        if not sys.stdin.isatty():
            raise TrustUnaskedError
        from portweave.cli.confirm import agrees

        if not agrees():
            _say("nothing was changed")
            return 1
    _do(found)
    _say(f"{facts.authority} is {'no longer trusted' if remove else 'trusted'}")
    return 0


def _show(found: "tuple[Step, ...]", *, remove: bool, path: str) -> None:
    from shlex import join

    _say(f"to have {path} {'no longer ' if remove else ''}trusted:")
    for step in found:
        _say(f"  {step.about}:")
        _say(f"    {join(step.argv)}")


def _do(found: "tuple[Step, ...]") -> None:
    from portweave.maintenance.trust import run_step

    for step in found:
        run_step(step, os.environ)


def _hint(facts: "Facts") -> None:
    if facts.databases and "certutil" not in facts.programs:
        _say(
            "browsers have stores of their own here, which certutil writes: install libnss3-tools"
            " (Debian), nss-tools (Fedora) or nss (Arch, Homebrew)"
        )


def _say(text: str) -> None:
    print(f"[portweave] {text}", file=sys.stderr, flush=True)
