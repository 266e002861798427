"""Take the pictures of the README from the real program: `make shots` writes `docs/pictures/`.

Two worktrees of examples/quickstart run side by side, in a state folder of their own. The terminal
becomes an SVG by Rich, the panel a PNG by headless Chromium.
"""

import os
import re
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import termios
import time
from contextlib import suppress
from fcntl import ioctl
from io import StringIO
from pathlib import Path
from struct import pack

from rich.columns import Columns
from rich.console import Console
from rich.panel import Panel
from rich.text import Text

from tests.support.browser import Pages
from tests.support.repository import REPOSITORY

PICTURES = REPOSITORY / "docs/pictures"
COLUMNS, ROWS = 72, 20
_PATIENCE_S = 60.0
_COMMAND = [sys.executable, "-Im", "portweave"]


class Demo:
    """A repository with two worktrees of the quickstart example, and an environment for both.

    Args:
        folder: An empty folder.
    """

    def __init__(self, folder: Path) -> None:
        self.main, self.linked = folder / "code/shop", folder / "code/fix-login"
        self.environ = {
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "HOME": str(folder),
            "XDG_STATE_HOME": f"{folder}/state",
            "XDG_CONFIG_HOME": f"{folder}/config",
            "XDG_RUNTIME_DIR": f"{folder}/run",
            "TERM": "xterm-256color",
            "LANG": "C.UTF-8",
        }
        (folder / "run").mkdir(mode=0o700)
        shutil.copytree(REPOSITORY / "examples/quickstart", self.main)
        (self.main / ".gitignore").write_text(".data/\n__pycache__/\n")
        for words in (
            ("init", "-q", "-b", "main"),
            ("add", "."),
            ("-c", "user.name=a", "-c", "user.email=a@b", "commit", "-q", "-m", "first"),
            ("worktree", "add", "-q", "-b", "fix-login", str(self.linked)),
        ):
            argv = ["git", *words]
            subprocess.run(argv, cwd=self.main, env=self.environ, check=True)

    def portweave(self, *words: str, cwd: Path) -> None:
        """Run a command to its end."""
        subprocess.run(
            [*_COMMAND, *words], cwd=cwd, env=self.environ, check=False, capture_output=True
        )


def in_terminal(demo: Demo, folder: Path) -> str:
    """What `up` shows on a terminal until all services are ready."""
    screen, terminal = os.openpty()
    ioctl(screen, termios.TIOCSWINSZ, pack("HHHH", ROWS, COLUMNS, 0, 0))
    command = subprocess.Popen(
        [*_COMMAND, "up"],
        cwd=folder,
        env=demo.environ,
        stdin=terminal,
        stdout=terminal,
        stderr=terminal,
        start_new_session=True,
    )
    os.close(terminal)
    seen = b""
    until_s = time.monotonic() + _PATIENCE_S
    quiet_s = 0.0
    while time.monotonic() < until_s and quiet_s < 1.0:
        if not select.select([screen], [], [], 0.2)[0]:
            quiet_s += 0.2 if b"all ready" in seen else 0.0
            continue
        quiet_s = 0.0
        try:
            seen += os.read(screen, 65_536)
        except OSError:
            break
    command.send_signal(signal.SIGINT)
    while command.poll() is None:
        if select.select([screen], [], [], 0.1)[0]:
            with suppress(OSError):
                os.read(screen, 65_536)
    os.close(screen)
    lines = seen.decode().replace("\r\n", "\n").split("\n")
    # A line that was erased ends with its last state.
    return "\n".join(re.split(r"\r(?:\x1b\[\d*[JK])*", line)[-1] for line in lines).rstrip()


def terminal_picture(demo: Demo) -> str:
    """Two worktrees side by side, as an SVG."""
    panels = [
        Panel(
            Text.from_ansi(f"$ portweave up\n{in_terminal(demo, folder)}"),
            title=f"~/code/{folder.name}",
            width=COLUMNS + 4,
            border_style="dim",
        )
        for folder in (demo.main, demo.linked)
    ]
    console = Console(record=True, width=2 * (COLUMNS + 4) + 1, file=StringIO())
    console.print(Columns(panels))
    return console.export_svg(title="portweave")


def panel_picture(demo: Demo, target: Path) -> None:
    """The panel with both worktrees running, as a PNG."""
    for folder in (demo.main, demo.linked):
        demo.portweave("up", "-d", cwd=folder)
    panel = subprocess.Popen(
        [*_COMMAND, "panel", "--port", "0"],
        cwd=demo.main,
        env=demo.environ,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert panel.stderr is not None
        found = None
        while found is None:
            found = re.search(r"http://127\.0\.0\.1:\d+/\S*", panel.stderr.readline())
        profile = Path(demo.environ["HOME"], "chromium")
        profile.mkdir()
        pages = Pages(profile)
        page = pages()
        page.set_view(width=1280, height=760)
        page.go(found[0])
        page.wait_for_text("fix-login")
        shutil.copyfile(page.save_screenshot("panel"), target)
        pages.browser.close()
    finally:
        panel.send_signal(signal.SIGINT)
        panel.wait(_PATIENCE_S)
        for folder in (demo.main, demo.linked):
            demo.portweave("down", cwd=folder)


def main() -> None:
    """Take all pictures."""
    PICTURES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        demo = Demo(Path(folder))
        (PICTURES / "terminal.svg").write_text(terminal_picture(demo))
        panel_picture(demo, PICTURES / "panel.png")
        demo.portweave("proxy", "stop", cwd=demo.main)


if __name__ == "__main__":
    main()
