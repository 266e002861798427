"""Commands that ignore `PORT` are told where to listen, also behind a script of package.json."""

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.support.running_stacks import StartUp

# As Vite does: its own port, whatever PORT says.
VITE = f"""#!{sys.executable}
import sys
from http.server import HTTPServer, SimpleHTTPRequestHandler
words = sys.argv[1:]
print("words", *words, flush=True)
port = int(words[words.index("--port") + 1]) if "--port" in words else 0
HTTPServer(("127.0.0.1", port), SimpleHTTPRequestHandler).serve_forever()
"""


@pytest.fixture
def with_vite(project: Path) -> dict[str, str]:
    """A project with a `vite` of its own; variables that find it."""
    folder = project / "bin"
    folder.mkdir()
    (folder / "vite").write_text(VITE)
    (folder / "vite").chmod(0o755)
    (project / "package.json").write_text(json.dumps({"scripts": {"dev": "vite --mode x"}}))
    return {"PATH": f"{folder}:{os.environ['PATH']}"}


@pytest.mark.parametrize(
    "command",
    ["vite", '["vite"]', "cd . && vite", "npm run dev"],
    ids=["text", "list", "cd", "npm"],
)
def test_a_framework_listens_on_its_port(
    project: Path,
    with_vite: dict[str, str],
    up: "StartUp",
    need: Callable[..., None],
    command: str,
) -> None:
    if command.startswith("npm"):
        need("npm")
    (project / "portweave.yaml").write_text(f"services: {{site: {{command: {command}}}}}\n")
    stack = up(project, env=with_vite)
    stack.wait_for("site ready on")
    port = stack.port("SITE_PORT")
    stack.wait_for(f"--port {port} --strictPort --host 127.0.0.1")
    assert stack.ask("SITE_PORT", "/")[0] == 200
    stack.stop()


def test_a_command_is_unchanged_with_framework_false(
    project: Path, with_vite: dict[str, str], up: "StartUp"
) -> None:
    (project / "portweave.yaml").write_text(
        "services: {site: {command: vite --mode y, framework: false}}\n"
    )
    stack = up(project, env=with_vite)
    stack.wait_for("site ready")
    assert stack.lines_of("site") == ["words --mode y"]
    stack.stop()
