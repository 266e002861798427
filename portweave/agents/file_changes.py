"""Read, change and write the files of a project that portweave adds pieces to."""

import difflib
import os
from functools import partial

from portweave.agents.file_piece import (
    CURRENT,
    EDITED,
    FOREIGN,
    MISSING,
    OLDER,
    Whole,
    drop,
    put,
    state_of,
)
from portweave.agents.json_members import NotJsonError
from portweave.encoding.value import value
from portweave.errors import AgentFileError
from portweave.system.files import replace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import TypeVar

    from portweave.agents.file_piece import Outcome, Piece

    T = TypeVar("T")

_DONE = {MISSING: "written", OLDER: "renewed", CURRENT: "is up to date"}
_DUE = {MISSING: "is missing", OLDER: "is of an older portweave", CURRENT: "is up to date"}
_KEPT = {
    EDITED: "was edited since portweave wrote it; it stays as it is",
    FOREIGN: "has something else in its place; it stays as it is",
}


@value
class Change:
    """What became, or would become, of one piece.

    Attributes:
        path: The file, as it is shown.
        what: The piece, in words; empty for the whole file.
        state: How it stood in the file.
        told: What was done.
    """

    path: str
    what: str
    state: str
    told: str

    def line(self) -> str:
        """Return it in words."""
        return f"{self.path}{f' ({self.what})' if self.what else ''} {self.told}"

    def as_json(self) -> dict[str, object]:
        """Return it as an object."""
        return {"path": self.path, "piece": self.what, "state": self.state, "text": self.told}


class ProjectFiles:
    """The files of a project, with changes that are not written yet.

    Args:
        root: The root of the worktree.
    """

    def __init__(self, root: str) -> None:
        self._root = root
        self._texts: dict[str, str | None] = {}
        self._before: dict[str, str | None] = {}
        self._programs: set[str] = set()

    def exists(self, path: str) -> bool:
        """Whether a file or folder exists."""
        return os.path.exists(self._full(path))

    def put(self, pieces: "Iterable[Piece]") -> list[Change]:
        """Add pieces; return what becomes of each.

        Raises:
            AgentFileError: A file cannot be read, or is of another form.
        """
        return [self._change(piece, is_put=True) for piece in pieces]

    def drop(self, pieces: "Iterable[Piece]") -> list[Change]:
        """Remove pieces; otherwise as `put`."""
        return [self._change(piece, is_put=False) for piece in pieces]

    def check(self, pieces: "Iterable[Piece]") -> list[Change]:
        """Return how pieces stand in the files; otherwise as `put`."""
        found: list[Change] = []
        for piece in pieces:
            state = self._try(piece, partial(state_of, piece))
            told = _KEPT.get(state) or _DUE[state]
            found.append(Change(self._shown(piece.path), _name_of(piece), state, told))
        return found

    def difference(self) -> str:
        """Return all changes that are not written, as a unified diff."""
        lines: list[str] = []
        for path, text in self._texts.items():
            before, shown = self._before[path], self._shown(path)
            lines += difflib.unified_diff(
                (before or "").splitlines(keepends=True),
                (text or "").splitlines(keepends=True),
                "/dev/null" if before is None else f"a/{shown}",
                "/dev/null" if text is None else f"b/{shown}",
            )
        return "".join(line if line.endswith("\n") else f"{line}\n" for line in lines)

    def write(self) -> None:
        """Write all changes.

        Raises:
            AgentFileError: A file cannot be written.
        """
        for path, text in self._texts.items():
            if text == self._before[path]:
                continue
            # A file that is a link stays one: its target changes.
            full = os.path.realpath(self._full(path))
            try:
                if text is None:
                    os.unlink(full)
                    self._remove_empty_folders(os.path.dirname(full))
                else:
                    os.makedirs(os.path.dirname(full), exist_ok=True)
                    replace(full, text.encode("utf-8"), self._mode(full, path))
            except OSError as error:
                raise AgentFileError(full, error.strerror or str(error)) from error

    def _mode(self, full: str, path: str) -> int:
        try:
            return os.stat(full).st_mode & 0o777
        except OSError:
            return 0o755 if path in self._programs else 0o644

    def _remove_empty_folders(self, folder: str) -> None:
        while folder.startswith(f"{os.path.realpath(self._root)}/"):
            try:
                os.rmdir(folder)
            except OSError:
                return
            folder = os.path.dirname(folder)

    def _change(self, piece: "Piece", *, is_put: bool) -> Change:
        if isinstance(piece, Whole) and piece.is_program:
            self._programs.add(piece.path)

        def carry_out(text: str | None) -> "Outcome":
            return put(piece, text) if is_put else drop(piece, text)

        outcome = self._try(piece, carry_out)
        self._texts[piece.path] = outcome.text
        if outcome.state in _KEPT:
            told = _KEPT[outcome.state]
        elif is_put:
            told = _DONE[outcome.state]
        else:
            told = "is not there" if outcome.state == MISSING else "removed"
        return Change(self._shown(piece.path), _name_of(piece), outcome.state, told)

    def _try(self, piece: "Piece", work: "Callable[[str | None], T]") -> "T":
        try:
            return work(self._text(piece.path))
        except NotJsonError as error:
            raise AgentFileError(self._full(piece.path), str(error)) from error

    def _text(self, path: str) -> str | None:
        if path not in self._texts:
            full = self._full(path)
            try:
                with open(full, "rb") as file:
                    text = file.read().decode("utf-8")
            except FileNotFoundError:
                text = None
            except OSError as error:
                raise AgentFileError(full, error.strerror or str(error)) from error
            except UnicodeDecodeError:
                raise AgentFileError(full, "it is not UTF-8") from None
            self._texts[path] = self._before[path] = text
        return self._texts[path]

    def _full(self, path: str) -> str:
        return os.path.join(self._root, path)

    def _shown(self, path: str) -> str:
        return os.path.relpath(path, self._root) if os.path.isabs(path) else path


def _name_of(piece: "Piece") -> str:
    keys: tuple[str, ...] = getattr(piece, "keys", ())
    return ".".join(keys)
