"""Laws of logs: they read back, however they were written, rotated or truncated."""

import os
import shutil
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from unittest.mock import patch

from hypothesis import example, given, settings
from hypothesis import strategies as st

from portweave.logreading.query import (
    Folder,
    Query,
    find_sources,
    merged,
)
from portweave.supervisor.logs import writer
from portweave.supervisor.logs.index import (
    ERR,
    OUT,
    RECORD_BYTES,
)
from portweave.supervisor.logs.reader import (
    Log,
    LogReader,
    Position,
)
from portweave.supervisor.logs.writer import LogFolder

DATA = st.lists(st.sampled_from([b"a", b"\n", b"\r", b"\x00", b"\xff", b"\x1b[1m", b"word "]))
# A stream and its bytes; None for a new run, "stack" for a new stack.
STEPS = st.lists(
    st.tuples(st.sampled_from([OUT, ERR]), DATA.map(b"".join).filter(bool))
    | st.sampled_from([None, "stack"]),
    max_size=40,
)
Steps = list[tuple[int, bytes] | str | None]


@contextmanager
def folder() -> Generator[str]:
    path = tempfile.mkdtemp(prefix="portweave-test-")
    try:
        yield f"{path}/logs"
    finally:
        shutil.rmtree(path)


def write(path: str, steps: Steps) -> dict[int, list[bytes]]:
    """Write what the steps say; return the lines of each stream."""
    logs = LogFolder(path, lambda _: None)
    log = logs.log("web")
    log.begin()
    runs: dict[int, list[list[bytes]]] = {OUT: [[]], ERR: [[]]}
    for step in steps:
        if isinstance(step, tuple):
            kind, data = step
            log.write(kind, data)
            runs[kind][-1].append(data)
            continue
        if step == "stack":
            logs.close()
            logs = LogFolder(path, lambda _: None)
            log = logs.log("web")
        log.begin()
        for pieces in runs.values():
            pieces.append([])
    logs.close()
    found: dict[int, list[bytes]] = {}
    for kind, pieces in runs.items():
        texts = [b"".join(run) for run in pieces]
        found[kind] = [line for text in texts for line in lines_of(text)]
    return found


def lines_of(text: bytes) -> list[bytes]:
    lines = text.split(b"\n")
    return lines if lines[-1] else lines[:-1]


def read(path: str, query: Query) -> list[tuple[int, int, bytes]]:
    """Kind, run and text of each line."""
    found: list[tuple[int, int, bytes]] = []
    sources = find_sources(Folder(path), [])
    times: list[int] = []
    for _, block in merged(sources, query):
        times.append(block.time_ns)
        found += [(block.kind, block.run, line) for line in block.lines[:-1].split(b"\n")]
    for source in sources:
        source.log.close()
    assert all(a <= b for a, b in pairwise(times))
    return found


@settings(deadline=None)
@given(STEPS, st.sampled_from([1, 7, 40, 10_000]))
def test_logs_read_back_whatever_the_chunks_runs_and_segments(
    steps: Steps, segment_bytes: int
) -> None:
    with (
        folder() as path,
        patch.object(writer, "SEGMENT_BYTES", max(segment_bytes, RECORD_BYTES * 8)),
        patch.object(writer, "SEGMENTS_KEPT", 1000),
    ):
        expected = write(path, steps)
        found = read(path, Query())
        for kind in (OUT, ERR):
            assert [line for k, _, line in found if k == kind] == expected[kind]
        runs = [run for _, run, _ in found]
        assert runs == sorted(runs)


@settings(deadline=None)
@given(STEPS, st.integers(0, 10), st.sampled_from([None, OUT, ERR]), st.sampled_from([None, 0]))
@example([(0, b"a"), (1, b"\n\n")], 1, None, None)
def test_the_last_lines_are_the_end_of_all_lines(
    steps: Steps, count: int, stream: int | None, run: int | None
) -> None:
    with folder() as path:
        write(path, steps)
        everything = read(path, Query(stream=stream, run=run))
        last = everything[max(0, len(everything) - count) :]
        assert read(path, Query(stream=stream, run=run, last=count)) == last
        assert read(path, Query(stream=stream, run=run, last_each=count)) == last


@settings(deadline=None)
@given(STEPS)
def test_one_run_can_be_selected(steps: Steps) -> None:
    with folder() as path:
        write(path, steps)
        everything = read(path, Query())
        count = 1 + sum(not isinstance(step, tuple) for step in steps)
        for run in range(1, count + 1):
            assert read(path, Query(run=run)) == [one for one in everything if one[1] == run]
        assert read(path, Query(run=0)) == [one for one in everything if one[1] == count]


@settings(deadline=None)
@given(STEPS, st.integers(0, 400), st.integers(0, 3 * RECORD_BYTES))
def test_a_log_truncated_anywhere_can_be_read_and_continued(
    steps: Steps, data_cut: int, index_cut: int
) -> None:
    with folder() as path:
        write(path, steps)
        log, index = Path(path, "web.log"), next(Path(path).glob("web.idx.*"))
        whole = log.read_bytes()
        for file, cut in ((log, data_cut), (index, index_cut)):
            os.truncate(file, max(0, file.stat().st_size - cut))
        kept = log.read_bytes()
        # The next writer repairs an index that lacks records, or has too many.
        logs = LogFolder(path, lambda _: None)
        one = logs.log("web")
        one.begin()
        one.write(OUT, b"and on\n")
        logs.close()
        assert log.read_bytes() == kept + b"and on\n"
        assert whole.startswith(kept)
        found = read(path, Query())
        assert found[-1][2] == b"and on"
        text = b"".join(line for _, _, line in found[:-1])
        assert len(text) == len(kept.replace(b"\n", b""))


@settings(deadline=None)
@given(STEPS, st.data())
def test_reading_continues_where_it_stopped(steps: Steps, data: st.DataObject) -> None:
    with folder() as path:
        expected = write(path, steps)
        log = Log(path, "web")
        end = log.end
        places = [Position(end.segment, n) for n in range(end.record + 1)]
        place = data.draw(st.sampled_from(places))
        before = list(LogReader(log, log.begin).blocks())
        after = list(LogReader(log, place).blocks())
        # Lines that end after a position are complete, wherever they begin.
        for kind in (OUT, ERR):
            all_of_it = [block.lines for block in before if block.kind == kind]
            shown = [block.lines for block in after if block.kind == kind]
            assert shown == all_of_it[len(all_of_it) - len(shown) :]
        assert sum(map(len, expected.values())) >= sum(b.lines.count(b"\n") for b in before)
        log.close()
