"""How portweave's own events are logged."""

import subprocess
import sys
from pathlib import Path

PROGRAM = """
import sys
sys.path.insert(0, sys.argv[1])
from portweave.system.log_setup import configure
print("rich" in sys.modules)
import rich
print(rich.__file__)
configure(print).info("service ready", service="web")
"""


def test_what_tracebacks_look_best_in_is_not_imported_for_lines(tmp_path: Path) -> None:
    (tmp_path / "rich.py").touch()
    argv = [sys.executable, "-Ic", PROGRAM, str(tmp_path)]
    said = subprocess.run(argv, capture_output=True, check=True, text=True, timeout=20).stdout
    was_imported, path, line = said.splitlines()
    assert was_imported == "False"
    # A later import finds the module.
    assert path == str(tmp_path / "rich.py")
    assert line.endswith('"level": "info", "event": "service ready", "service": "web"}')
