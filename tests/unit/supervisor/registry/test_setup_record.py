from pathlib import Path

import pytest

from portweave.supervisor.registry.setup_record import forget_setup, read_setup, write_setup


@pytest.mark.parametrize("finished", [True, False])
def test_what_is_written_reads_back(tmp_path: Path, finished: bool) -> None:
    write_setup(str(tmp_path), "abc", finished=finished)
    found = read_setup(str(tmp_path))
    assert found is not None
    assert (found.stamp, found.finished) == ("abc", finished)
    forget_setup(str(tmp_path))
    assert read_setup(str(tmp_path)) is None
    forget_setup(str(tmp_path))


@pytest.mark.parametrize("text", ["", "{", "[]", '{"stamp": 1}', '{"stamp": "a", "finished": 1}'])
def test_a_damaged_record_is_no_record(tmp_path: Path, text: str) -> None:
    (tmp_path / ".portweave").mkdir()
    (tmp_path / ".portweave/setup.json").write_text(text)
    assert read_setup(str(tmp_path)) is None
