"""Open a worktree in an editor or a terminal, without a shell."""

import shlex
import shutil
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence

from portweave.encoding.value import value
from portweave.system.clean_environment import inherited_environment

_EDITORS = ("code", "cursor")
# Each terminal, with the option that takes the folder as its value.
_TERMINALS = (
    ("gnome-terminal", "--working-directory="),
    ("konsole", "--workdir="),
    ("xfce4-terminal", "--working-directory="),
    ("kitty", "--directory="),
    ("alacritty", "--working-directory="),
)


@value
class Launched:
    """The result of a launch.

    Attributes:
        reason: Why it failed: `unsupported-platform`, `no-editor-found` or `launch-failed`; None
            where it succeeded.
    """

    reason: str | None = None

    def as_json(self) -> dict[str, object]:
        """Return it in the shape of npm portweave."""
        if self.reason is None:
            return {"launched": True}
        return {"launched": False, "reason": self.reason}


def editor(environ: Mapping[str, str]) -> list[str] | None:
    """Return the editor command: PORTWEAVE_EDITOR, else `code` or `cursor`; None for none."""
    try:
        words = shlex.split(environ.get("PORTWEAVE_EDITOR", ""))
    except ValueError:
        return None
    for candidate in [words] if words else [[name] for name in _EDITORS]:
        found = shutil.which(candidate[0], path=environ.get("PATH"))
        if found is not None:
            return [found, *candidate[1:]]
    return None


def terminal(environ: Mapping[str, str], folder: str) -> list[str] | None:
    """Return the command that opens a terminal in a folder; None for none."""
    if sys.platform == "darwin":
        return ["/usr/bin/open", "-a", "Terminal", folder]
    if not (environ.get("DISPLAY") or environ.get("WAYLAND_DISPLAY")):
        return None
    for name, option in _TERMINALS:
        found = shutil.which(name, path=environ.get("PATH"))
        if found is not None:
            return [found, option + folder]
    return None


def open_editor(environ: Mapping[str, str], folder: str) -> Launched:
    """Open a folder in the editor."""
    words = editor(environ)
    return Launched("no-editor-found") if words is None else _launch([*words, folder], environ)


def open_terminal(environ: Mapping[str, str], folder: str) -> Launched:
    """Open a terminal in a folder."""
    words = terminal(environ, folder)
    if words is None:
        return Launched("unsupported-platform")
    return _launch(words, environ, folder)


def _launch(words: Sequence[str], environ: Mapping[str, str], folder: str = "/") -> Launched:
    try:
        process = subprocess.Popen(
            words,
            env=inherited_environment(environ),
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            # The program outlives the panel.
            start_new_session=True,
        )
    except OSError:
        return Launched("launch-failed")
    # Reap the program, or it stays as a zombie.
    threading.Thread(target=process.wait, daemon=True).start()
    return Launched()
