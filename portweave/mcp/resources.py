"""The resources of a worktree: its definition, logs and events."""

import os

from portweave.encoding.value import value
from portweave.errors import PortweaveError
from portweave.mcp.chosen_worktree import choose_folder

TYPE_CHECKING = False  # `typing` costs as much as the work
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from portweave.mcp.stop_flag import StopFlag

SCHEME = "portweave://"
# The newest part of a file.
_LARGEST_BYTES = 64 * 1024
_LOG_TOKENS = "2000"
_EVENTS = 50
_JSON_LINES = "application/x-ndjson"

RESOURCES: "tuple[dict[str, object], ...]" = (
    {
        "uri": f"{SCHEME}definition",
        "name": "definition",
        "description": "The definition file of this worktree",
        "mimeType": "text/plain",
    },
    {
        "uri": f"{SCHEME}logs",
        "name": "logs",
        "description": "The output of all services, in brief",
        "mimeType": "text/plain",
    },
    {
        "uri": f"{SCHEME}events",
        "name": "events",
        "description": f"The last {_EVENTS} changes of state, one JSON object a line",
        "mimeType": _JSON_LINES,
    },
)
TEMPLATES: "tuple[dict[str, object], ...]" = (
    {
        "uriTemplate": f"{SCHEME}logs/{{service}}",
        "name": "logs of a service",
        "description": "The output of one service, in brief",
        "mimeType": "text/plain",
    },
)


@value
class Text:
    """The text of a resource.

    Attributes:
        text: The text; None if there is no such resource.
        kind: Its MIME type.
    """

    text: str | None
    kind: str = "text/plain"


class Resources:
    """Reads resources.

    Args:
        environ: The variables of the server.
        worktree: The value of `--worktree`; None for none.
    """

    def __init__(self, environ: "Mapping[str, str]", worktree: str | None) -> None:
        self._environ = environ
        self._worktree = worktree

    def read(self, uri: str, roots: "Sequence[str]", stop: "StopFlag") -> Text:
        """Read a resource.

        Args:
            uri: Its URI.
            roots: URIs of folders that the client has opened.
            stop: Ends the work when it is set.

        Raises:
            PortweaveError: It cannot be read.
        """
        kind, _, name = uri.removeprefix(SCHEME).partition("/")
        folder = choose_folder("", self._worktree, self._environ, roots)
        match kind:
            case "definition" if not name:
                return Text(_definition(folder))
            case "logs" if not name.startswith("-") and "/" not in name:
                return Text(self._logs(folder, name, stop))
            case "events" if not name:
                return Text(self._events(folder), _JSON_LINES)
            case _:
                return Text(None)

    def _logs(self, folder: str, name: str, stop: "StopFlag") -> str | None:
        from portweave.mcp.verb_process import run_process, verb

        words = ("logs", "--brief", "--budget", _LOG_TOKENS, *([name] if name else []))
        outcome = run_process(
            verb(*words), folder, self._environ, stop, say=lambda line: None, limit_s=60.0
        )
        return outcome.printed if outcome.status == 0 else None

    def _events(self, folder: str) -> str:
        from portweave.allocator.worktree import logs_dir
        from portweave.planning.project import as_running, find_worktree

        worktree = as_running(find_worktree(folder, None, self._environ), self._environ)
        key = worktree.key
        data = _tail(f"{logs_dir(worktree.root, key.namespace)}/portweave.log")
        return "\n".join(data.decode("utf-8", "replace").splitlines()[-_EVENTS:])


def _definition(folder: str) -> str | None:
    from portweave.procfiles.load import definition_file

    path = definition_file(folder, None)
    if path is None:
        return None
    return f"# {path}\n{_tail(path).decode('utf-8', 'replace')}"


def _tail(path: str) -> bytes:
    """Return the end of a file; empty where it cannot be read."""
    try:
        with open(path, "rb") as file:
            size = os.fstat(file.fileno()).st_size
            file.seek(max(0, size - _LARGEST_BYTES))
            return file.read(_LARGEST_BYTES)
    except OSError:
        return b""


def told(error: PortweaveError) -> str:
    """Return an error as one text."""
    return " ".join([f"{error.code}: {error.message}", *error.hints])
