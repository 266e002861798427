"""settle on real set-ups: it returns after the end, finds planted errors, and alarms for no others.

`PORTWEAVE_SETTLE_EDITS` says how many edits each set-up gets. `make settle-proof` sets it, and
writes the table of docs/settle.md.
"""

import json
import os
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import pytest

from tests.support.commands import Git
from tests.support.detached_stacks import Detached
from tests.support.locked_packages import WATCHERS_LOCK, npm_packages, python_packages
from tests.support.settle_setups import SETUPS, Setup

pytestmark = [pytest.mark.slow, pytest.mark.npm, pytest.mark.timeout(900)]

EDITS = int(os.environ.get("PORTWEAVE_SETTLE_EDITS", "3"))
TABLE = os.environ.get("PORTWEAVE_SETTLE_TABLE", "")
# Output that comes so long after the answer belongs to the edit: the answer was early.
WATCHED_S = 2.0
BEGIN, END = "<!-- proof -->", "<!-- end of proof -->"


@dataclass
class Counts:
    """What came of the edits of a set-up."""

    edits: int = 0
    early: list[str] = field(default_factory=list[str])
    planted: int = 0
    found: int = 0
    good: int = 0
    alarms: list[str] = field(default_factory=list[str])
    delays_s: list[float] = field(default_factory=list[float])

    def row(self, name: str) -> str:
        """Its row of the table."""
        delay = f"{1000 * statistics.median(self.delays_s):.0f} ms" if self.delays_s else "-"
        planted = f"{self.found} of {self.planted}" if self.planted else "-"
        early, alarms = len(self.early), len(self.alarms)
        return (
            f"| {name} | {self.edits} | {early} | {planted} | {alarms} of {self.good} | {delay} |"
        )


def lines_since(stack: Detached, since_s: float) -> list[tuple[float, str]]:
    """The lines of the service from a time on."""
    moment = datetime.fromtimestamp(since_s).astimezone().isoformat()
    printed = stack("logs", "app", "--json", "--since", moment, status=None).stdout
    rows = [json.loads(line) for line in printed.splitlines()]
    return [(datetime.fromisoformat(row["time"]).timestamp(), row["line"]) for row in rows]


def try_edit(stack: Detached, setup: Setup, number: int, counts: Counts) -> None:
    """Edit once, settle, and compare the answer with what the service has printed."""
    is_bad = setup.bad is not None and number % 3 == 2
    text = setup.bad(number) if is_bad and setup.bad is not None else setup.good(number)
    edited_s = time.time()
    setup.edit(stack.root, text)
    done = stack("settle", "--json", status=None)
    returned_s = time.time()
    answer = json.loads(done.stdout)
    time.sleep(WATCHED_S)
    lines = lines_since(stack, edited_s)
    before = [(at_s, line) for at_s, line in lines if at_s <= returned_s]
    # A service that has crashed is tried again, and prints the same once more.
    seen = {line for _, line in before}
    late = [line for at_s, line in lines if at_s > returned_s and line not in seen]
    counts.edits += 1
    if late or answer["verdict"] == "not-settled":
        counts.early.append(f"{number}: {answer['verdict']} before {late[:3]}")
    elif before:
        counts.delays_s.append(returned_s - max(at_s for at_s, _ in before))
    if is_bad:
        counts.planted += 1
        told = json.dumps(answer["services"])
        counts.found += answer["verdict"] == "new" and setup.error(number) in told
    else:
        counts.good += 1
        if answer["verdict"] != "ok":
            counts.alarms.append(f"{number}: {done.stdout}")
        if setup.bad is None:
            assert answer["reaction"] == "none"


@pytest.mark.parametrize("setup", SETUPS, ids=lambda one: one.name.replace(" ", "-"))
def test_settle_returns_after_the_end_and_tells_what_is_new(
    setup: Setup,
    tmp_path: Path,
    git: Git,
    detached_at: Callable[[Path], Detached],
    pytestconfig: pytest.Config,
    need: Callable[..., None],
) -> None:
    need("node")
    folders: list[Path] = []
    if setup.needs == "npm":
        folders.append(npm_packages(pytestconfig, WATCHERS_LOCK) / "node_modules" / ".bin")
    elif setup.needs == "python":
        folders.append(python_packages(pytestconfig, "frameworks"))
    root = tmp_path / "project"
    root.mkdir()
    setup.write(root)
    git("init", "-q", cwd=root)
    stack = detached_at(root)
    for folder in folders:
        stack.put_first(folder)
    stack.up()
    # The first version counts as an edit, too.
    stack("settle", status=None)
    counts = Counts()
    for number in range(1, EDITS + 1):
        try_edit(stack, setup, number, counts)
    if TABLE:
        write_row(Path(TABLE), setup.name, counts)
    assert not counts.early, counts
    assert counts.found >= 0.95 * counts.planted, counts
    assert len(counts.alarms) <= 0.02 * counts.good, counts


def write_row(path: Path, name: str, counts: Counts) -> None:
    """Write the row of a set-up into the table of a document."""
    text = path.read_text()
    before, _, rest = text.partition(BEGIN)
    table, _, behind = rest.partition(END)
    rows = [row for row in table.strip().splitlines() if not row.startswith(f"| {name} |")]
    rows.append(counts.row(name))
    lines = "\n".join(rows)
    path.write_text(f"{before}{BEGIN}\n{lines}\n{END}{behind}")
