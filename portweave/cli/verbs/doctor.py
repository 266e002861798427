"""`portweave doctor`: find problems on this machine, and repair them."""

import json
import os
import sys
from dataclasses import replace

from portweave.allocator import lease_folders
from portweave.allocator.ports.registry import registry_path
from portweave.arguments.args import (
    Args,
    Option,
)
from portweave.client.bus_findings import check_buses
from portweave.errors import PortweaveError, UsageError
from portweave.maintenance.checks import (
    check_all,
    roots_around,
)
from portweave.maintenance.dead_stacks import finish_dead_stacks
from portweave.maintenance.findings import Finding
from portweave.maintenance.repair import (
    drop_blocks,
    rebuild,
    restrict_to_owner,
)
from portweave.maintenance.teardowns import run_teardowns
from portweave.planning.project import working_dir
from portweave.system.registry_lock import Lock

OPTIONS = (Option("--fix", about="repair what can be repaired"),)
USAGE = "[--fix] [--json]"
HELP = """
Check the registry, its lock, the pool of ports, git, stacks, leases, PATH and the folders that
portweave writes to. Each finding has a code and says what to do.

--fix keeps a damaged registry under another name and rebuilds it. It removes stale locks, leases
and blocks, and cleans up after killed stacks. It stops nothing that runs.

Exit status: 1 if an error was found and not repaired, else 0.
"""
# The colours of severities, the worst first.
_ROLES = {"error": "error", "warning": "warning", "note": "hint"}
# In this order: later repairs need earlier ones.
_REPAIRS = ("lock", "registry", "rights", "stacks", "teardowns", "leases", "blocks")


def run(args: Args) -> int:
    """Print the findings."""
    if args.operands or args.rest:
        raise UsageError(f"unexpected argument '{[*args.operands, *(args.rest or [])][0]}'")
    folder = working_dir()
    findings = [*check_all(os.environ, folder), *check_buses(os.environ)]
    if args.flag("fix") and any(finding.repair for finding in findings):
        findings = _repair(findings, folder)
    if args.flag("json"):
        value = {
            "schemaVersion": 1,
            "ok": not _has_errors(findings),
            "findings": [finding.as_json() for finding in findings],
        }
        print(json.dumps(value, ensure_ascii=False, indent=2))
    elif sys.stdout.isatty():
        _draw(findings, no_color=args.flag("no_color"))
    else:
        _print(findings)
    return 1 if _has_errors(findings) else 0


def _has_errors(findings: list[Finding]) -> bool:
    return any(finding.severity == "error" and not finding.fixed for finding in findings)


def _repair(findings: list[Finding], folder: str) -> list[Finding]:
    for name in _REPAIRS:
        if not any(finding.repair == name for finding in findings):
            continue
        try:
            told = _do(name, folder)
        except (PortweaveError, OSError) as error:
            told = [f"not repaired: {error}"]
        for line in told:
            print(f"[portweave] {line}", file=sys.stderr)
    left = [*check_all(os.environ, folder), *check_buses(os.environ)]
    wrong = {(finding.code, finding.message) for finding in left}
    fixed = [
        replace(finding, fixed=True)
        for finding in findings
        if finding.repair and (finding.code, finding.message) not in wrong
    ]
    return [*fixed, *left]


def _do(name: str, folder: str) -> list[str]:
    environ = os.environ
    path = registry_path(environ)
    match name:
        case "lock":
            # Taking the lock replaces a stale one, but not the lock of a live process.
            with Lock(path, environ):
                return ["removed the lock that was left"]
        case "registry":
            return rebuild(path, environ, roots_around(environ, folder))
        case "rights":
            return restrict_to_owner([path, os.path.dirname(path)])
        case "stacks":
            return finish_dead_stacks(environ)
        case "teardowns":
            told: list[str] = []
            run_teardowns(environ, told.append)
            return told
        case "leases":
            return [
                f"took back {os.path.basename(over)}"
                for over in lease_folders.remove_expired(environ)
            ]
        case _:
            return drop_blocks(path, environ)


def _print(findings: list[Finding]) -> None:
    for finding in findings:
        what = "repaired" if finding.fixed else finding.severity
        print(f"{what} {finding.code}: {finding.message}")
        if not finding.fixed:
            print(f"  {finding.remedy}")
    print(", ".join(text for text, _ in _counts(findings)) or "nothing is wrong")


def _counts(findings: list[Finding]) -> list[tuple[str, str]]:
    """Return the number of findings, in words, and their severity."""
    return [
        (f"{number} {name}{'' if number == 1 else 's'}", name)
        for name in _ROLES
        if (number := sum(f.severity == name and not f.fixed for f in findings))
    ]


def _draw(findings: list[Finding], *, no_color: bool) -> None:
    """Print the findings on a terminal, wrapped at words."""
    from portweave.cli.terminal_drawing import Drawing
    from portweave.encoding.text_style import Span

    drawing = Drawing(no_color=no_color)
    for finding in findings:
        what = "repaired" if finding.fixed else finding.severity
        head = Span(f"{what} {finding.code}:", _ROLES.get(what, "good"))
        drawing.text((head, f" {finding.message}"), indent=4)
        if not finding.fixed:
            drawing.text((finding.remedy,), indent=2, first=2)
    summary: list[str | Span] = []
    for text, severity in _counts(findings):
        summary += [", " if summary else "", Span(text, _ROLES[severity])]
    drawing.text(summary or [Span("nothing is wrong", "good")])
