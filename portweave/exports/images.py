"""Choose the images of a stack: named ones, those of known servers, and Dockerfiles."""

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from shlex import join

from portweave.encoding.value import field, replace, value
from portweave.exports import dockerfiles
from portweave.exports.dockerfiles import HOME
from portweave.exports.model import Hidden, Stack, Unit, header, label_of
from portweave.exports.remarks import CHANGED, LOST, Remark
from portweave.exports.servers import (
    Server,
    accounts_of,
    arguments_of,
    probe_of,
    server_of,
    words_of,
)

_WORKDIR = re.compile(r"^\s*WORKDIR\s+(\S+)\s*$", re.IGNORECASE | re.MULTILINE)


@value
class ImageChoice:
    """What the command line says of images.

    Attributes:
        named: Service to image; these win over the definition file.
        dockerfiles: The folder for written Dockerfiles, absolute; empty for none.
        prefix: The text before the names of built images, as `registry.example/team/`.
        tag: The tag of built images; empty for none.
    """

    named: Mapping[str, str] = field(default_factory=dict[str, str])
    dockerfiles: str = ""
    prefix: str = ""
    tag: str = ""


def with_images(
    stack: Stack, data: Mapping[str, tuple[str, ...]], choice: ImageChoice
) -> tuple[Stack, tuple[tuple[str, str], ...]]:
    """Return the stack with its images, and the files for the folder of Dockerfiles.

    Args:
        stack: A stack whose units have the images that the definition file names.
        data: Service to paths whose content has to last, absolute.
        choice: What the command line says.
    """
    chooser = _Chooser(stack, data, choice)
    units = tuple(chooser.unit(unit) for unit in stack.units)
    builds = _builds(units, stack.root)
    return replace(stack, units=units, builds=builds), tuple(chooser.files())


class _Build:
    """A folder that an image is built from.

    Args:
        label: Its name.
        context: The folder.
        recipe: The recognised stack.
    """

    def __init__(self, label: str, context: str, recipe: dockerfiles.Stack) -> None:
        self.label = label
        self.context = context
        self.recipe = recipe
        self.ignored: dict[str, None] = {}
        self.data: dict[str, None] = {}


class _Chooser:
    def __init__(
        self, stack: Stack, data: Mapping[str, tuple[str, ...]], choice: ImageChoice
    ) -> None:
        self._stack = stack
        self._data = data
        self._choice = choice
        self._builds: dict[tuple[str, str], _Build] = {}

    def unit(self, unit: Unit) -> Unit:
        image = self._choice.named.get(unit.service, unit.image)
        server = None if unit.oneshot or unit.port is None else server_of(unit.argv, image)
        if server is not None:
            return _as_server(unit, server, image or server.image)
        if image:
            return self._with_data(replace(unit, image=image), "")
        if unit.has_image:
            with open(f"{unit.folder}/Dockerfile", encoding="utf-8", errors="replace") as file:
                found = _WORKDIR.findall(file.read())
            built = replace(unit, image=self._name(self._label(unit.folder)), context=unit.folder)
            return self._with_data(built, found[-1] if found else "")
        build = self._build(unit) if self._choice.dockerfiles else None
        if build is None:
            text = (
                f"no Dockerfile: {self._name(label_of(unit.service))} must be built; --dockerfiles"
                f" DIR writes one for a recognised stack, and --image {unit.service}=IMAGE names"
                " another image"
            )
            lost = Remark(LOST, "image", text, (unit.service,))
            named = replace(unit, image=self._name(label_of(unit.service)))
            return self._with_data(replace(named, remarks=(*named.remarks, lost)), "")
        return self._as_built(unit, build)

    def _name(self, label: str) -> str:
        project = label_of(self._stack.project)
        name = f"{self._choice.prefix}{project}{f'-{label}' if label else ''}"
        return f"{name}:{self._choice.tag}" if self._choice.tag else name

    def _label(self, folder: str) -> str:
        relative = os.path.relpath(folder, self._stack.root)
        return "" if relative == "." else label_of(relative)

    def _build(self, unit: Unit) -> _Build | None:
        language = dockerfiles.language_of(words_of(unit.argv))
        folder: str = unit.folder
        while True:
            recipe = dockerfiles.stack_in(_names_in(folder), language)
            if recipe is not None or folder in (self._stack.root, "/"):
                break
            folder = os.path.dirname(folder)
        if recipe is None:
            recipe, folder = dockerfiles.program_stack(language), unit.folder
        if recipe is None:
            return None
        key = (folder, recipe.language)
        if key not in self._builds:
            label = self._label(folder)
            if any(other == folder for other, _ in self._builds):
                label = f"{label}-{recipe.language}".lstrip("-")
            # `a/b` and `a-b` are one label.
            taken = {build.label for build in self._builds.values()}
            while label in taken:
                label += "-2"
            self._builds[key] = _Build(label, folder, recipe)
        return self._builds[key]

    def _as_built(self, unit: Unit, build: _Build) -> Unit:
        for file in unit.files:
            if (inner := _inside(file.path, build.context)) is not None:
                build.ignored[inner] = None
        relative = os.path.relpath(unit.folder, build.context)
        path = f"{self._choice.dockerfiles}/{build.label or 'stack'}.Dockerfile"
        built = replace(
            unit,
            image=self._name(build.label),
            context=build.context,
            dockerfile=path,
            runtime=build.recipe.language,
            user=dockerfiles.USER,
            cwd=HOME if relative == "." else f"{HOME}/{relative}",
            remarks=tuple(one for one in unit.remarks if one.key != "workingDir"),
        )
        built = self._with_data(built, HOME)
        for place in built.data:
            if (inner := _inside(place, HOME)) is not None:
                build.data[inner] = None
        return built

    def _with_data(self, unit: Unit, home: str) -> Unit:
        """Return a unit with its paths of data in the container.

        Args:
            unit: A unit with its image.
            home: The folder of the container with the files of the context; empty if unknown.
        """
        found: list[str] = []
        unknown: list[str] = []
        for path in self._data.get(unit.service, ()):
            inner = _inside(path, unit.context) if unit.context and home else None
            if inner is not None:
                found.append(f"{home.rstrip('/')}/{inner}")
            elif _inside(path, self._stack.root) is None:
                found.append(path)
            else:
                unknown.append(os.path.relpath(path, self._stack.root))
        remarks = unit.remarks
        if unknown:
            text = f"{', '.join(unknown)}: its place in the image is unknown; write that path"
            remarks = (*remarks, Remark(LOST, "data", text, (unit.service,)))
        return replace(unit, data=tuple(found), remarks=remarks)

    def files(self) -> Iterator[tuple[str, str]]:
        for build in self._builds.values():
            names = _names_in(build.context)
            versions = {
                name: _text_of(f"{build.context}/{name}")
                for name in dockerfiles.VERSION_FILES
                if name in names
            }
            text = dockerfiles.dockerfile(build.recipe, names, versions, tuple(build.data))
            ignored = dockerfiles.ignored((*build.ignored, *build.data))
            name = f"{build.label or 'stack'}.Dockerfile"
            yield name, header("--dockerfiles", ()) + text
            # BuildKit looks for it beside the Dockerfile.
            yield f"{name}.dockerignore", header("--dockerfiles", ()) + ignored


def _builds(units: Iterable[Unit], place: str) -> tuple[str, ...]:
    """Return the commands that build images, relative to a folder."""
    commands: dict[str, None] = {}
    for unit in units:
        if unit.context:
            path = unit.dockerfile or f"{unit.context}/Dockerfile"
            words = ["docker", "build", "-t", unit.image, "-f", os.path.relpath(path, place)]
            commands[join([*words, os.path.relpath(unit.context, place)])] = None
    return tuple(commands)


def _as_server(unit: Unit, server: Server, image: str) -> Unit:
    port = unit.port or 0
    probe = probe_of(server, port)
    ready = replace(
        unit.ready, http=None, tcp=None if probe else port, exec=probe or None, log=None,
        notify=False,
    )  # fmt: skip
    host = f"@{label_of(unit.name)}:{port}"
    plain = f"://{label_of(unit.name)}:{port}"
    texts = [*unit.defaults.values(), *unit.settled.values()]
    hidden = [one for one in unit.hidden.values() if one.after.startswith(host)]
    urls = [text for text in texts if host in text or plain in text]
    urls += [f"{one.before}{one.after}" for one in hidden]
    settled = {
        name: text.replace("{port}", str(port))
        for name, text in accounts_of(server, urls, {**unit.defaults, **unit.settled}).items()
    }
    own = dict(unit.hidden)
    if hidden and server.name == "postgres":
        own.setdefault("POSTGRES_PASSWORD", Hidden(hidden[0].key))
    if "POSTGRES_PASSWORD" in {**own, **unit.settled}:
        settled.pop("POSTGRES_HOST_AUTH_METHOD", None)
    # The image's own process changes its user only as root.
    text = f"the image's own command is used, and its folder of data: {server.name}"
    if any(name.endswith(("AUTH_METHOD", "PASSWORD")) for name in settled):
        text += "; without a password it trusts every client"
    replaced = ("command", "workingDir", "watch")
    kept = [one for one in unit.remarks if one.key not in replaced or "secret" in one.text]
    return replace(
        unit,
        argv=arguments_of(server, unit.argv, port),
        image=image,
        server=server.name,
        data=(server.data,) if server.data else (),
        user=server.user,
        ready=ready,
        settled={**unit.settled, **settled},
        hidden=own,
        remarks=(*kept, Remark(CHANGED, "image", text, (unit.service,))),
    )


def _names_in(folder: str) -> frozenset[str]:
    try:
        return frozenset(os.listdir(folder))
    except OSError:
        return frozenset()


def _text_of(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read(100_000)
    except OSError:
        return ""


def _inside(path: str, folder: str) -> str | None:
    """Return a path relative to a folder; None if it is not inside."""
    relative = os.path.relpath(path, folder)
    is_inside = relative not in (".", "..") and not relative.startswith("../")
    return relative if is_inside else None
