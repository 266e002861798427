"""The environment of a service, layer by layer: which value holds, where it is from, what it hides.

Lowest first: what is there unless something else says it, inherited, the root's `.env`, the
`envFile`s of all services, the service's own, computed, its `environment`, forced. For the
variables that a definition computes for everybody it is the other way round: what the user exports
wins over `.env`, and that over what is computed. So these two come again, above the computed ones,
with those variables alone.
"""

from portweave.allocator.naming import full_name, instance_name
from portweave.planning.allocation import AllocatedProject
from portweave.procfiles.expand import Values, expand
from portweave.procfiles.load import read_env_file, unread_lines
from portweave.system.clean_environment import (
    MARKS,
    inherited_environment,
)

TYPE_CHECKING = False  # `typing` costs as much as the work
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from portweave.planning.url_names import Names
    from portweave.procfiles.model import EnvFile, Service

HOST = "127.0.0.1"


class Layer:
    """Variables from one source.

    Attributes:
        source: As users are told of it: `inherited`, `.env`, `computed`, `envFile <path>`.
        values: By name.
    """

    __slots__ = ("source", "values")

    def __init__(self, source: str, values: "Mapping[str, str]") -> None:
        self.source = source
        self.values = values


class Origin:
    """Where a value is from.

    Attributes:
        value: It.
        source: Of the layer that it is from.
        hides: (source, value) of the layers below that have the variable too, the highest first.
    """

    __slots__ = ("hides", "source", "value")

    def __init__(self, value: str, source: str, hides: "Sequence[tuple[str, str]]") -> None:
        self.value = value
        self.source = source
        self.hides = hides


def merged(layers: "Iterable[Layer]") -> dict[str, str]:
    """What holds of all layers, the lowest of which comes first."""
    env: dict[str, str] = {}
    for layer in layers:
        env.update(layer.values)
    return env


def origins(layers: "Iterable[Layer]") -> dict[str, Origin]:
    """Where each variable is from, by name; the lowest layer comes first."""
    found: dict[str, dict[str, str]] = {}
    for layer in layers:
        for name, value in layer.values.items():
            by_source = found.setdefault(name, {})
            # One that comes again higher up counts there.
            by_source.pop(layer.source, None)
            by_source[layer.source] = value
    answers: dict[str, Origin] = {}
    for name in sorted(found):
        (source, value), *hides = reversed(found[name].items())
        answers[name] = Origin(value, source, hides)
    return answers


def shared_layers(allocated: AllocatedProject) -> list[Layer]:
    """What `run` gives a command, but for what is inherited; the lowest layer first."""
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
        environ: What is inherited.
        names: What the services are called in URLs; None where they have ports alone.

    Attributes:
        values: What placeholders stand for.
        warnings: What is to be told of the files that were read, one line each.

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
            self._file(".env", f"{worktree.root.rstrip('/')}/.env", required=False),
            *self._files(allocated.project.definitions.env_files),
        ]
        self._shared = [
            *shared_layers(allocated)[:-1],
            Layer("inherited", allocated.inherited),
        ]
        # Read once for all instances of a service.
        self._of_service: dict[str, list[Layer]] = {}

    def layers(self, service: "Service", number: int, port: int | None) -> list[Layer]:
        """The environment of an instance, but for what each start adds; the lowest layer first.

        Args:
            service: The service.
            number: Which of its instances, from 1.
            port: Where it is to listen; None for a service without a port.

        Raises:
            DotenvError: A line of an `envFile` is malformed.
            EnvFileError: An `envFile` cannot be read.
            PlaceholderError: A template names what has no value.
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
            # What a pipe is read by wants lines as they are written.
            "PYTHONUNBUFFERED": "1",
            "COMPOSE_PROJECT_NAME": compose_name(project.name, namespace),
            **self._trusted(layers),
        }
        return [Layer("default", default), *layers]

    def _trusted(self, layers: "Sequence[Layer]") -> dict[str, str]:
        """The variables that make a service trust the proxy, and overrule none of these layers."""
        if self._names is None or not self._names.variables:
            return {}
        from portweave.supervisor.proxy.tls.ca_files import without_overruling

        return without_overruling(self._names.variables, merged(layers))

    def url(self, service: "Service", number: int, port: int) -> str:
        """Where an instance is told that it is reached.

        Args:
            service: The service.
            number: Which of its instances, from 1.
            port: Where it is to listen.
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
        return [
            self._file(
                f"envFile {file.path.removeprefix(f'{root}/')}", file.path, required=file.required
            )
            for file in files
        ]

    def _file(self, source: str, path: str, *, required: bool) -> Layer:
        computed = self._allocated.computed
        found = read_env_file(path, required=required, names=computed.keys())
        self.warnings += unread_lines(source.removeprefix("envFile "), found.unread)
        values = _own(found.values)
        if source == ".env":
            # What is computed is read from it by a rule of its own.
            values = {name: value for name, value in values.items() if name not in computed}
        return Layer(source, values)


def compose_name(project: str, namespace: str) -> str:
    """A project name that Docker Compose takes: lower case, digits, dashes, underscores."""
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
    """Variables of a file, without those that are never taken from one."""
    return {
        name: value
        for name, value in variables.items()
        if name not in ("PORT", "HOST") and name not in MARKS
    }
