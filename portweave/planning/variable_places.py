"""Find the file and line that a variable of a service comes from."""

from portweave.procfiles.load import read_document, read_env_file

TYPE_CHECKING = False  # `typing` costs as much as the work
if TYPE_CHECKING:
    from portweave.planning.project import Project
    from portweave.procfiles.model import Service
    from portweave.procfiles.tree import Document

_DOCUMENTS = (".json", ".yaml", ".yml")


class VariablePlaces:
    """The places of variables in the files of a worktree. Each file is read once, when needed.

    Args:
        project: The worktree with its definitions.
        service: The service with the variables; None for those that all services share.
    """

    def __init__(self, project: "Project", service: "Service | None") -> None:
        self._root = project.worktree.root.rstrip("/")
        self._definitions = project.definitions
        self._service = service
        self._lines: dict[str, dict[str, int]] = {}
        self._documents: dict[str, Document] = {}

    def place(self, source: str, name: str) -> tuple[str, int] | None:
        """Return the file (relative to the root, if it is below) and the line of a value.

        Args:
            source: The source of the value's layer.
            name: The variable.

        Returns:
            None if the value is in no file.

        Raises:
            DefinitionsInvalidError: A definition file has become invalid.
        """
        kind, _, path = source.partition(" ")
        found: tuple[str, int] | None = None
        if kind in (".env", "envFile"):
            found = self._in_variables(path or ".env", name)
        elif kind == "environment" and self._service is not None:
            found = self._in_definition(self._service, "environment", name)
        elif kind == "computed":
            found = self._computed(name)
        if found is None:
            return None
        return found[0].removeprefix(f"{self._root}/"), found[1]

    def _in_variables(self, path: str, name: str) -> tuple[str, int] | None:
        path = path if path.startswith("/") else f"{self._root}/{path}"
        if path not in self._lines:
            self._lines[path] = read_env_file(path, required=False).lines
        line = self._lines[path].get(name)
        return None if line is None else (path, line)

    def _computed(self, name: str) -> tuple[str, int] | None:
        for service in self._definitions.services:
            if service.env_var == name:
                return self._in_definition(service, "envVar")
            if any(variable == name for variable, _ in service.discovery_env):
                return self._in_definition(service, "discoveryEnv", name)
        return None

    def _in_definition(self, service: "Service", *keys: str) -> tuple[str, int] | None:
        path = service.origin.path
        if path.lower().endswith(_DOCUMENTS):
            if path not in self._documents:
                self._documents[path] = read_document(path)
            origin = self._documents[path].origin(("services", service.name, *keys))
            return path, origin.line
        # A service of `--count` has no file.
        return (path, service.origin.line) if path else None
