"""How stacks ended is kept for seven days."""

import json
import os
import time
from pathlib import Path

from portweave.supervisor.registry.ended_stacks import (
    KEPT_S,
    ended_dir,
    ended_stacks,
    note_end,
)
from portweave.supervisor.registry.stack_records import new_record


class Stack:
    """What identifies a stack."""

    def __init__(self, namespace: str, root: str = "/code/shop") -> None:
        self.project, self.namespace, self.root = "shop", namespace, root


def files(stacks: str) -> list[Path]:
    return sorted(Path(ended_dir(stacks)).iterdir())


def test_the_newest_end_of_a_stack_is_kept(tmp_path: Path) -> None:
    stacks = f"{tmp_path}/state/stacks"
    assert ended_stacks(stacks) == []
    note_end(stacks, Stack("main"), "it got SIGTERM")
    note_end(stacks, Stack("fix"), "portweave was killed")
    note_end(
        stacks, new_record(Stack("main"), os.getpid(), "", ""), "its time is up", {"lastUse": "up"}
    )
    found = {one.namespace: one for one in ended_stacks(stacks)}
    assert found["fix"].because == "portweave was killed"
    main = found["main"]
    assert (main.project, main.root, main.because) == ("shop", "/code/shop", "its time is up")
    assert main.lifetime == {"lastUse": "up"}
    assert abs(main.ended_s - time.time()) < 60
    assert [path.stat().st_mode & 0o777 for path in files(stacks)] == [0o600, 0o600]


def test_ends_are_forgotten_after_a_week(tmp_path: Path) -> None:
    stacks = f"{tmp_path}/stacks"
    note_end(stacks, Stack("old"), "portweave down was called")
    [path] = files(stacks)
    data = json.loads(path.read_text())
    before_s = time.time() - KEPT_S - 1
    path.write_text(json.dumps({**data, "endedAtMs": int(before_s * 1000)}))
    os.utime(path, (before_s, before_s))
    assert ended_stacks(stacks) == []
    note_end(stacks, Stack("new"), "portweave down was called")
    assert [one.namespace for one in ended_stacks(stacks)] == ["new"]
    assert len(files(stacks)) == 1


def test_a_damaged_file_is_no_end(tmp_path: Path) -> None:
    stacks = f"{tmp_path}/stacks"
    note_end(stacks, Stack("main"), "portweave down was called")
    [path] = files(stacks)
    for text in ("", "{", "[]", '{"endedAtMs": "x"}', "\xff"):
        path.write_text(text, encoding="latin-1")
        assert ended_stacks(stacks) == []
    # A folder that cannot be written costs the file alone.
    blocked = f"{tmp_path}/blocked/stacks"
    (tmp_path / "blocked").write_text("")
    note_end(blocked, Stack("main"), "portweave down was called")
    assert ended_stacks(blocked) == []
