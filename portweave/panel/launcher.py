"""Open a worktree in an editor, or in a terminal; nothing of it goes through a shell."""

import shlex
import shutil
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence

from portweave.encoding.value import value
from portweave.system.clean_environment import inherited_environment

_EDITORS = ("code", "cursor")
# Each is followed by the option that says where to begin; it then takes the folder as its value.
_TERMINALS = (
    ("gnome-terminal", "--working-directory="),
    ("konsole", "--workdir="),
    ("xfce4-terminal", "--working-directory="),
    ("kitty", "--directory="),
    ("alacritty", "--working-directory="),
)


@value
class Launched:
    """What came of it.

    Attributes:
        reason: Why it did not; None where it did: `unsupported-platform`, `no-editor-found` or
            `launch-failed`.
    """

    reason: str | None = None

    def as_json(self) -> dict[str, object]:
        """It in npm portweave's shape."""
        if self.reason is None:
            return {"launched": True}
        return {"launched": False, "reason": self.reason}


def editor(environ: Mapping[str, str]) -> list[str] | None:
    """The words that open an editor: of PORTWEAVE_EDITOR, else `code` or `cursor`."""
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
    """The words that open a terminal in a folder; None for none."""
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
            # It outlives the panel.
            start_new_session=True,
        )
    except OSError:
        return Launched("launch-failed")
    # Somebody has to take its exit status, or it stays as a zombie.
    threading.Thread(target=process.wait, daemon=True).start()
    return Launched()
