"""The findings of `portweave doctor`, each with a stable code and a remedy.

If an error says the same as a finding, the finding has its code. All other codes are here. A code
is never used for two things.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from portweave.allocator.ports.assign import chosen_pool
from portweave.allocator.ports.model import (
    Entry,
    Pool,
)

Severity = Literal["error", "warning", "note"]

# Codes of errors that are findings, too.
_ERROR_CODES = frozenset(
    ("PW0301", "PW0302", "PW0303", "PW0305", "PW0306", "PW0505", "PW1111", "PW1215"),
)
# Code -> what it means, and what to do. The table in `docs/errors.md` is written from here.
CODES = {
    "PW0210": (
        "There is no git.",
        "install it: without it, every folder with a definition file is a project",
    ),
    "PW0211": (
        "Git refuses this folder.",
        "follow the message; mostly it is `git config --global --add safe.directory …`",
    ),
    "PW0310": (
        "Other users may read or write the registry.",
        "`portweave doctor --fix`, or `chmod` as the message says",
    ),
    "PW0311": (
        "The registry has blocks of worktrees that are gone.",
        "nothing: the next allocation drops them",
    ),
    "PW0312": (
        "Two blocks of the registry share a port.",
        "`portweave doctor --fix`: the block that was used last keeps it",
    ),
    "PW0313": (
        "A process that has ended left a lock.",
        "nothing: the next allocation takes it over",
    ),
    "PW0314": (
        "Leases are over, and their ports are not released yet.",
        "nothing: the next allocation uses them",
    ),
    "PW0315": (
        "The hook `teardown` of a removed worktree has not run, or has failed.",
        "`portweave doctor --fix`; after three failures `portweave teardown --pending`",
    ),
    "PW0402": (
        "The kernel gives ports of the pool to outgoing connections.",
        "choose a pool below them, or reserve them: the message has both",
    ),
    "PW0403": (
        "Browsers refuse ports of the pool.",
        "choose a `PORTWEAVE_POOL_RANGE` above 10080",
    ),
    "PW0404": ("`PORTWEAVE_POOL_RANGE` cannot be understood.", "write it as `30000-60000`"),
    "PW0405": ("The pool reaches beyond the last port.", "end it at 65536"),
    "PW0610": (
        "`PATH` has several programs called portweave.",
        "uninstall one, or change the order of `PATH`",
    ),
    "PW0920": (
        "Another program listens on a port of this worktree.",
        "end it: `portweave doctor` names it",
    ),
    "PW0953": (
        "A stack that no longer runs has left its record.",
        "`portweave doctor --fix`, or any other command",
    ),
    "PW1110": (
        "The system does not resolve names that have a route.",
        "`portweave hosts --write`, or use the ports",
    ),
    "PW1117": ("This machine does not trust the proxy's certificates.", "`portweave trust`"),
}


@dataclass(frozen=True, slots=True)
class Finding:
    """A problem or a surprise.

    Attributes:
        code: Stable.
        severity: `error`: something does not work; `warning`: it may fail; `note`: good to know.
        message: What it is, and where.
        remedy: What the user can do.
        repair: The name of the repair that `--fix` does; empty for none.
        fixed: Whether it was repaired.
    """

    code: str
    severity: Severity
    message: str
    remedy: str
    repair: str = ""
    fixed: bool = False

    def __post_init__(self) -> None:
        assert self.code in CODES or self.code in _ERROR_CODES, self.code

    def as_json(self) -> dict[str, object]:
        """Return it as `doctor --json` prints it."""
        return {
            "code": self.code,
            "severity": self.severity,
            "message": self.message,
            "remedy": self.remedy,
            "fixable": bool(self.repair),
            "fixed": self.fixed,
        }


# https://fetch.spec.whatwg.org/#port-blocking, for ports that a pool may contain.
_REFUSED_BY_BROWSERS = frozenset(
    {1719, 1720, 1723, 2049, 3659, 4045, 4190, 5060, 5061, 6000, 6566}
    | {6665, 6666, 6667, 6668, 6669, 6679, 6697, 10080}
)
_PORTS_END = 65536


def shared_ports(entries: Sequence[Entry]) -> list[tuple[Entry, Entry, int]]:
    """Return blocks that share a port with an earlier one: the block to keep, the other, the port.

    The block that was used last is kept.
    """
    found: list[tuple[Entry, Entry, int]] = []
    holder: dict[int, Entry] = {}
    for entry in sorted(entries, key=lambda entry: entry.last_used_at, reverse=True):
        ports = sorted(entry.ports.values())
        port = next((port for port in ports if port in holder), None)
        if port is None:
            holder |= dict.fromkeys(ports, entry)
        else:
            found.append((holder[port], entry, port))
    return found


def check_entries(entries: Sequence[Entry], gone: Sequence[str]) -> list[Finding]:
    """Check blocks.

    Args:
        entries: The blocks in the registry.
        gone: Roots that are not folders.
    """
    findings: list[Finding] = []
    if gone:
        findings.append(
            Finding(
                "PW0311",
                "warning",
                f"{len(gone)} block{'s belong' if len(gone) > 1 else ' belongs'} to deleted"
                f" worktrees: {_some(gone)}",
                "the next allocation drops them; if their volume is not mounted, mount it first",
                "blocks",
            )
        )
    findings += [
        Finding(
            "PW0312",
            "error",
            f"port {port} belongs to {kept.key.worktree_root} and to {other.key.worktree_root}",
            f"--fix drops the block that was used less recently:"
            f" {other.key.worktree_root} gets a new one at its next start",
            "blocks",
        )
        for kept, other, port in shared_ports(entries)
    ]
    return findings


def check_pool(
    text: str,
    ephemeral: tuple[int, int] | None,
    reserved: Collection[int],
    entries: Sequence[Entry],
) -> list[Finding]:
    """Check the pool.

    Args:
        text: `PORTWEAVE_POOL_RANGE`; may be empty.
        ephemeral: First and last port that the kernel uses for outgoing connections; None where
            unknown.
        reserved: Ports that the kernel leaves out.
        entries: The blocks in the registry.
    """
    findings: list[Finding] = []
    pool, remark = chosen_pool(text)
    if remark is not None:
        findings.append(
            Finding(
                "PW0404",
                "error",
                f'PORTWEAVE_POOL_RANGE="{text}" is invalid; {pool.start}-{pool.end} is used',
                "write it as 30000-60000: the first port, and the one after the last",
            )
        )
    if pool.end > _PORTS_END:
        findings.append(
            Finding(
                "PW0405",
                "warning",
                f"the pool {pool.start}-{pool.end} reaches beyond the last port, 65535",
                "npm portweave fails when it reaches it: end PORTWEAVE_POOL_RANGE at 65536",
            )
        )
    refused = [port for port in sorted(_REFUSED_BY_BROWSERS) if pool.start <= port < pool.end]
    if refused:
        findings.append(
            Finding(
                "PW0403",
                "warning",
                f"browsers refuse to open ports of the pool: {_some(map(str, refused))}",
                "a PORTWEAVE_POOL_RANGE above 10080 has none of these",
            )
        )
    if ephemeral is not None:
        findings += _check_ephemeral(pool, ephemeral, reserved, entries)
    return findings


def _check_ephemeral(
    pool: Pool, ephemeral: tuple[int, int], reserved: Collection[int], entries: Sequence[Entry]
) -> list[Finding]:
    first, last = max(pool.start, ephemeral[0]), min(pool.end - 1, ephemeral[1])
    # To reserve only a few of thousands of ports makes no difference.
    if first > last or all(port in reserved for port in range(first, last + 1)):
        return []
    affected = [
        entry.key.worktree_root
        for entry in entries
        if any(first <= port <= last and port not in reserved for port in entry.ports.values())
    ]
    below = ephemeral[0] - pool.start
    if affected:
        severity: Severity = "warning"
        affected_text = f"; blocks of {_some(affected)} lie there"
    else:
        severity = "note" if below >= _ROOM else "warning"
        affected_text = ", no block lies there yet" if below > 0 else ""
    return [
        Finding(
            "PW0402",
            severity,
            f"the kernel gives ports {first}-{last} of the pool {pool.start}-{pool.end} to outgoing"
            f" connections, so a server may find its port in use{affected_text}",
            f"PORTWEAVE_POOL_RANGE={_better(pool, ephemeral)}; or as root:"
            f" sysctl -w net.ipv4.ip_local_reserved_ports={first}-{last}",
        )
    ]


# With this many ports below the kernel's range, the ones above are not used for a long time.
_ROOM = 1000


def _better(pool: Pool, ephemeral: tuple[int, int]) -> str:
    if ephemeral[0] - pool.start >= _ROOM:
        return f"{pool.start}-{ephemeral[0]}"
    return f"{max(1024, min(20000, ephemeral[0] - 10000))}-{ephemeral[0]}"


def _some(texts: Iterable[str]) -> str:
    found = list(texts)
    return ", ".join(found[:5]) + (f" and {len(found) - 5} more" if len(found) > 5 else "")
