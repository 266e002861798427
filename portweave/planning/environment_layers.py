"""Build the environment of a service from layers, and tell which layer each value comes from.

The layers, lowest first: defaults, inherited variables, the root's `.env`, the `envFile`s of all
services, the service's own `envFile`s, computed variables, its `environment`, forced variables.
The order differs for variables that the definitions compute for all services. For them, inherited
variables override `.env`, and `.env` overrides computed ones. So these two layers come again, above
the computed ones, with these variables only.
"""

from portweave import errors
from portweave.allocator.naming import full_name, instance_name
from portweave.encoding.value import value
from portweave.planning.allocation import AllocatedProject
from portweave.procfiles.expand import Values, expand
from portweave.procfiles.load import read_env_file, unread_lines
from portweave.procfiles.model import EnvFile
from portweave.system.clean_environment import (
    MARKS,
    inherited_environment,
)

TYPE_CHECKING = False  # `typing` costs as much as the work
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from portweave.planning.url_names import Names
    from portweave.procfiles.model import Service

HOST = "127.0.0.1"


@value
class Layer:
    """Variables from one source.

    Attributes:
        source: The source as users see it: `inherited`, `.env`, `computed`, `envFile <path>`.
        values: The values by name.
    """

    source: str
    values: "Mapping[str, str]"


@value
class Origin:
    """The layer that a value comes from.

    Attributes:
        value: The value.
        source: The source of its layer.
        hides: Source and value of each lower layer with the same variable, the highest first.
    """

    value: str
    source: str
    hides: "Sequence[tuple[str, str]]"


def merged(layers: "Iterable[Layer]") -> dict[str, str]:
    """Merge layers into one environment; the lowest layer comes first."""
    env: dict[str, str] = {}
    for layer in layers:
        env.update(layer.values)
    return env


def origins(layers: "Iterable[Layer]") -> dict[str, Origin]:
    """Return the origin of each variable by name; the lowest layer comes first."""
    found: dict[str, dict[str, str]] = {}
    for layer in layers:
        for name, text in layer.values.items():
            by_source = found.setdefault(name, {})
            # A source that occurs twice counts at its higher place.
            by_source.pop(layer.source, None)
            by_source[layer.source] = text
    answers: dict[str, Origin] = {}
    for name in sorted(found):
        (source, text), *hides = reversed(found[name].items())
        answers[name] = Origin(text, source, hides)
    return answers


def shared_layers(allocated: AllocatedProject) -> list[Layer]:
    """Return the layers that `run` adds to inherited variables, the lowest first."""
    forced = _forced(allocated)
    computed = {name: value for name, value in allocated.computed.items() if name not in forced}
    return [
        Layer("computed", computed),
        Layer(".env", _of(allocated.dotenv, computed)),
        Layer("forced", forced),
    ]


class Environments:
    """Makes the environments of instances.

    Args:
        allocated: The worktree with its ports.
        environ: The inherited variables.
        names: The names of services in URLs; None if they have only ports.

    Attributes:
        values: The values of placeholders.
        warnings: Warnings about the files that were read, one line each.

    Raises:
        DotenvError: A line of an `envFile` is malformed.
        EnvFileError: An `envFile` cannot be read.
    """

    def __init__(
        self,
        allocated: AllocatedProject,
        environ: "Mapping[str, str]",
        names: "Names | None" = None,
    ) -> None:
        self._allocated = allocated
        self._names = names
        self._inherited = inherited_environment(environ)
        worktree = allocated.project.worktree
        self.values = Values(
            allocated.ports,
            namespace=allocated.entry.namespace,
            git_common_dir=worktree.git_common_dir,
            worktree_root=worktree.root,
        )
        self.warnings: list[str] = []
        self._below = [
            Layer("inherited", self._inherited),
            self._file(".env", EnvFile(f"{worktree.root.rstrip('/')}/.env", required=False)),
            *self._files(allocated.project.definitions.env_files),
        ]
        self._shared = [
            *shared_layers(allocated)[:-1],
            Layer("inherited", allocated.inherited),
        ]
        # The layers of a service's own files, read once for all instances.
        self._of_service: dict[str, list[Layer]] = {}

    def layers(self, service: "Service", number: int, port: int | None) -> list[Layer]:
        """Return the layers of an instance's environment, the lowest first.

        Variables that each start adds are not in them.

        Args:
            service: The service.
            number: The instance's number, from 1.
            port: The port on which it shall listen; None for a service without a port.

        Raises:
            DotenvError: A line of an `envFile` is malformed.
            EnvFileError: An `envFile` cannot be read.
            PlaceholderError: A template has a placeholder without a value.
        """
        if service.name not in self._of_service:
            self._of_service[service.name] = self._files(service.env_files)
        project, namespace = self._allocated.project, self._allocated.entry.namespace
        name = instance_name(service.name, number)
        own = {"HOST": HOST}
        forced = {
            **_forced(self._allocated),
            "PORTWEAVE_SERVICE": full_name(name, namespace),
            "PORTWEAVE_INSTANCE": str(number),
            "PORTWEAVE_NAME": name,
        }
        if port is not None:
            own["PORT"] = str(port)
            forced["PORTWEAVE_URL"] = self.url(service, number, port)
        layers = [
            *self._below,
            *self._of_service[service.name],
            *self._shared,
            Layer("computed", own),
            Layer("environment", self._environment(service)),
            Layer("forced", forced),
        ]
        default = {
            # Without this, Python buffers the lines that it writes to a pipe.
            "PYTHONUNBUFFERED": "1",
            "COMPOSE_PROJECT_NAME": compose_name(project.name, namespace),
            **self._trusted(layers),
        }
        return [Layer("default", default), *layers]

    def _trusted(self, layers: "Sequence[Layer]") -> dict[str, str]:
        """Return variables that make a service trust the proxy and override none of the layers."""
        if self._names is None or not self._names.variables:
            return {}
        from portweave.supervisor.proxy.tls.ca_files import without_overruling

        return without_overruling(self._names.variables, merged(layers))

    def url(self, service: "Service", number: int, port: int) -> str:
        """Return the URL of an instance, which it also finds in `PORTWEAVE_URL`.

        Args:
            service: The service.
            number: The instance's number, from 1.
            port: The port on which it shall listen.
        """
        named = None if self._names is None else self._names.url(service, number)
        return named or f"http://{HOST}:{port}"

    def _environment(self, service: "Service") -> dict[str, str]:
        env: dict[str, str] = {}
        for name, template in service.environment:
            if template is not None:
                env[name] = expand(template, self.values, escapes=True)
            elif name in self._inherited:
                env[name] = self._inherited[name]
        return env

    def _files(self, files: "Sequence[EnvFile]") -> list[Layer]:
        root = self._allocated.project.worktree.root.rstrip("/")
        return [self._file(f"envFile {file.path.removeprefix(f'{root}/')}", file) for file in files]

    def _file(self, source: str, file: EnvFile) -> Layer:
        computed = self._allocated.computed
        try:
            found = read_env_file(file.path, required=file.required, names=computed.keys())
        except errors.EnvFileError as error:
            from portweave.procfiles.env_files import add_place

            add_place(error, file)
            raise
        self.warnings += unread_lines(source.removeprefix("envFile "), found.unread)
        values = _own(found.values)
        if source == ".env":
            # Computed variables have their own layer from this file.
            values = {name: value for name, value in values.items() if name not in computed}
        return Layer(source, values)


def compose_name(project: str, namespace: str) -> str:
    """Return a project name that Docker Compose accepts: a-z, digits, dashes, underscores."""
    import re

    return re.sub(r"[^a-z0-9_-]+", "-", f"{project}-{namespace}".lower()).lstrip("-_")


def _forced(allocated: AllocatedProject) -> dict[str, str]:
    return {
        "PORTWEAVE_NAMESPACE": allocated.entry.namespace,
        "PORTWEAVE_WORKTREE": allocated.project.worktree.root,
    }


def _of(variables: "Mapping[str, str]", names: "Iterable[str]") -> dict[str, str]:
    return {name: variables[name] for name in names if name in variables}


def _own(variables: "Mapping[str, str]") -> dict[str, str]:
    """Return the variables of a file, without those that a file cannot set."""
    return {
        name: value
        for name, value in variables.items()
        if name not in ("PORT", "HOST") and name not in MARKS
    }
