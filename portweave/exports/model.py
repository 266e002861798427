"""Pure. The values of an exported stack, and functions that the formats share.

No value contains inherited variables or the content of variable files. The export refers to the
files, so their secrets are written nowhere else.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import lru_cache
from urllib.parse import urlsplit

from portweave import __version__
from portweave.encoding.value import field, value
from portweave.errors import ExportNameError
from portweave.exports.remarks import LOST, Remark
from portweave.supervisor.services.plan import (
    Need,
    ReadyPlan,
    RestartPolicy,
)

MARK = "Made by `portweave export"


@value
class VariableFile:
    """A file of variables, which stays in its place.

    Attributes:
        path: Absolute path.
        required: Whether it must exist.
        has_exports: Whether some lines begin with `export`, as in a shell script.
    """

    path: str
    required: bool
    has_exports: bool = False


@value
class Hidden:
    """A variable whose value is a secret, or has one in it. The export refers to the secret.

    Attributes:
        key: The name under which the user keeps the secret outside of the export.
        before: The text before the secret, as `postgres://shop:`.
        after: The text after it.
    """

    key: str
    before: str = ""
    after: str = ""


@value
class Unit:
    """One instance.

    Attributes:
        name: `web`, or `web.2`.
        service: Name of its service.
        number: From 1.
        argv: The command.
        folder: Its working directory, absolute.
        port: Its port; None for none.
        needs: Dependencies, without those that are not exported.
        ready: The conditions for readiness.
        restart: When to restart it.
        oneshot: Whether it is expected to end.
        tty: Whether it needs a terminal.
        stop_signal: Such as `SIGTERM`.
        stop_grace_s: From that signal to SIGKILL.
        defaults: Variables that a file of variables may override.
        settled: Variables that no file may override.
        passed: Names of variables that come from the environment.
        files: Files of variables; later ones win.
        in_files: Names of the variables in these files.
        replicas: The number of instances of its service.
        has_image: Whether its folder has a Dockerfile.
        image: The image; empty until one is chosen.
        context: The folder that the image is built from; empty for an image that exists.
        dockerfile: The Dockerfile that export writes; empty for that of the context.
        runtime: The language of a written Dockerfile; empty for another image.
        server: The program of a known server; empty for another image.
        user: The numeric user of the image; None if it is unknown.
        cwd: The working directory in the container; empty for that of the image.
        data: Folders of the container whose content has to last.
        hostname: The first part of its route's name; empty for no route.
        watch: Absolute paths whose change restarts it.
        profiles: It starts only with one of them; always, where this is empty.
        hidden: Variables with secrets from definition files; they are in no other mapping.
        remarks: Differences that do not depend on the format.
    """

    name: str
    service: str
    number: int
    argv: tuple[str, ...]
    folder: str
    port: int | None
    needs: tuple[Need, ...]
    ready: ReadyPlan
    restart: RestartPolicy
    oneshot: bool
    tty: bool
    stop_signal: str
    stop_grace_s: float
    defaults: Mapping[str, str]
    settled: Mapping[str, str]
    passed: tuple[str, ...]
    files: tuple[VariableFile, ...]
    in_files: frozenset[str]
    replicas: int = 1
    has_image: bool = False
    image: str = ""
    context: str = ""
    dockerfile: str = ""
    runtime: str = ""
    server: str = ""
    user: int | None = None
    cwd: str = ""
    data: tuple[str, ...] = ()
    hostname: str = ""
    watch: tuple[str, ...] = ()
    profiles: tuple[str, ...] = ()
    hidden: Mapping[str, Hidden] = field(default_factory=dict[str, Hidden])
    remarks: tuple[Remark, ...] = ()

    def kept_defaults(self) -> Mapping[str, str]:
        """Return the defaults that no file overrides."""
        if self.in_files.isdisjoint(self.defaults):
            return self.defaults
        return {name: text for name, text in self.defaults.items() if name not in self.in_files}

    def variables(self) -> dict[str, str]:
        """Return the variables to set where they win over files: without those in files."""
        return {**self.kept_defaults(), **self.settled}


@value
class Stack:
    """A stack to export.

    Attributes:
        project: Its name.
        namespace: The namespace of the worktree.
        root: The worktree's root.
        place: The folder for the exported files.
        units: In the order of the definition files.
        path: The `PATH` that commands are looked up in.
        remarks: Differences of the stack that do not depend on the format.
        callers: Services that call others, and whether they do so by `PORTWEAVE_SOCKET`.
        builds: Commands that build images.
    """

    project: str
    namespace: str
    root: str
    place: str
    units: tuple[Unit, ...]
    path: str = ""
    remarks: tuple[Remark, ...] = ()
    callers: Mapping[str, bool] = field(default_factory=dict[str, bool])
    builds: tuple[str, ...] = ()


@value
class Exported:
    """An exported stack.

    Attributes:
        files: File name to text.
        remarks: What differs there, merged; lost settings come first.
    """

    files: tuple[tuple[str, str], ...]
    remarks: tuple[Remark, ...]


@lru_cache(maxsize=10_000)
def label_of(name: str) -> str:
    """Convert an instance's name to a host label (RFC 1035, section 2.3.1)."""
    label = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")
    return label if label[:1].isalpha() else f"s-{label}".rstrip("-")


def labels_of(names: Iterable[str], form: Callable[[str], str], longest: int) -> dict[str, str]:
    """Return a distinct label for each name.

    Args:
        names: Names of instances or services.
        form: Converts a name to a label.
        longest: The longest label, in characters.

    Raises:
        ExportNameError: Two labels are equal, or one is too long.
    """
    found: dict[str, str] = {}
    names_by_label: dict[str, str] = {}
    for name in names:
        label = form(name)
        other = names_by_label.setdefault(label, name)
        if other != name:
            raise ExportNameError(f"{other} and {name} would both get the name {label}")
        if len(label) > longest:
            raise ExportNameError(f"{label} has more than {longest} characters")
        found[name] = label
    return found


def header(form: str, remarks: Iterable[Remark], needs: str = "") -> str:
    """Return the comment at the top of a file: its origin, and what differs from `up`.

    Args:
        form: The format.
        remarks: Differences from `portweave up`.
        needs: The program and its version that the file needs; empty for none.
    """
    lines = [f"# {MARK} {form}` of portweave {__version__}."]
    if needs:
        lines.append(f"# It needs {needs} or newer.")
    lines += [f"# - {remark.line()}" for remark in remarks]
    return "\n".join(lines) + "\n"


def export_line_remarks(units: Iterable[Unit], reader: str) -> Iterator[Remark]:
    """Return remarks about variable files that the reader does not fully understand.

    Args:
        units: The units with the files.
        reader: The name of the reader, which does not support `export`.
    """
    found = dict.fromkeys(file.path for unit in units for file in unit.files if file.has_exports)
    for path in found:
        yield Remark(LOST, "envFile", f"{path}: {reader} ignores lines that begin with export")


def is_own_url(url: str, port: int | None) -> bool:
    """Whether a URL leads to a port of this machine."""
    parts = urlsplit(url)
    return parts.hostname in ("127.0.0.1", "localhost") and parts.port == port


def whole_seconds(time_s: float) -> int:
    """Round seconds up to a whole number."""
    return -int(-time_s // 1)
