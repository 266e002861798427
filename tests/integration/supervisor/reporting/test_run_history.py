from pathlib import Path

from portweave.logreading.query import Folder, services_of
from portweave.supervisor.reporting.run_history import RunHistory


def test_services_that_are_added_come_behind_those_that_have_their_colour(tmp_path: Path) -> None:
    runs = RunHistory(str(tmp_path), "main")
    origin = {"workingDir": str(tmp_path)}
    runs.record_start(origin, services=["web", "web", "api"])
    runs.record_start(origin, services=["new", "web", "api"])
    runs.flush()
    folder = Folder(str(tmp_path / ".portweave" / "logs"))
    assert services_of(folder) == ("web", "api", "new")


def test_an_unknown_order_is_empty(tmp_path: Path) -> None:
    assert services_of(Folder(str(tmp_path / "logs"))) == ()
