"""Pure. A stack as it is exported: values, and what the formats share.

What is inherited from a terminal, and what files of variables hold, is in none of these values:
such files are referred to, so that no secret of theirs is ever written anywhere else.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from urllib.parse import urlsplit

from portweave.encoding.value import value
from portweave.errors import ExportNameError
from portweave.supervisor.services.plan import (
    Need,
    ReadyPlan,
    RestartPolicy,
)

# No line is broken: commands are to be read, and copied.
_UNFOLDED = 1_000_000
MARK = "Made by `portweave export"


@value
class VariableFile:
    """A file of variables that stays where it is.

    Attributes:
        path: Absolute.
        required: Whether it has to be there.
        has_exports: Whether lines of it begin with `export`, as shells have it.
    """

    path: str
    required: bool
    has_exports: bool = False


@value
class Unit:
    """One instance.

    Attributes:
        name: `web`, or `web.2`.
        service: Name of its service.
        number: From 1.
        argv: What to execute.
        folder: Where, absolute.
        port: None for none.
        needs: What has to be there first; only what is exported as well.
        ready: How it is known that it is up.
        restart: When it is started again.
        oneshot: Whether it is meant to end.
        tty: Whether it wants a terminal.
        stop_signal: As `SIGTERM`.
        stop_grace_s: From that signal to SIGKILL.
        defaults: Variables that a file of variables may override.
        settled: Variables that none may.
        passed: Variables that are to come from outside.
        files: Of variables; later ones win.
        in_files: Names of what these hold.
        replicas: How many instances its service has.
        has_image: Whether its folder says how an image is built.
        image: Which one it is to be; empty where nobody said.
        left_out: What no format has a word for, one line each.
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
    left_out: tuple[str, ...] = ()

    def kept_defaults(self) -> dict[str, str]:
        """The defaults that no file overrides."""
        return {name: text for name, text in self.defaults.items() if name not in self.in_files}

    def variables(self) -> dict[str, str]:
        """What is to be set where that wins over files: all but what a file says otherwise."""
        return self.kept_defaults() | dict(self.settled)


@value
class Stack:
    """What is exported.

    Attributes:
        project: Its name.
        namespace: Of the worktree.
        root: The worktree's root.
        place: The folder that the files are to lie in.
        units: In the order of the definition files.
        path: The `PATH` that commands are found by here.
        notes: What is not carried over, one line each.
    """

    project: str
    namespace: str
    root: str
    place: str
    units: tuple[Unit, ...]
    path: str = ""
    notes: tuple[str, ...] = ()


@value
class Exported:
    """The result.

    Attributes:
        files: Name to text.
        notes: What was not carried over, one line each.
    """

    files: tuple[tuple[str, str], ...]
    notes: tuple[str, ...]


def label_of(name: str) -> str:
    """What an instance is called where names are those of hosts (RFC 1035, section 2.3.1)."""
    label = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")
    return label if label[:1].isalpha() else f"s-{label}".rstrip("-")


def labels_of(names: Iterable[str], form: Callable[[str], str], longest: int) -> dict[str, str]:
    """A name of its own for each.

    Args:
        names: Of instances or services.
        form: What a name becomes.
        longest: How many characters it may have.

    Raises:
        ExportNameError: Two would be called the same, or one is too long.
    """
    found: dict[str, str] = {}
    for name in names:
        label = form(name)
        other = next((other for other in found if found[other] == label), None)
        if other is not None:
            raise ExportNameError(f"{other} and {name} would both be called {label}")
        if len(label) > longest:
            raise ExportNameError(f"{label} has more than {longest} characters")
        found[name] = label
    return found


def header(form: str, notes: Iterable[str]) -> str:
    """Comments for the beginning of a file: who made it, and what it lacks."""
    lines = [f"# {MARK} {form}`."]
    # A line feed would end the comment.
    told = [" ".join(note.split()) for note in notes]
    if told:
        lines.append("# Not carried over, or to be looked at:")
    return "\n".join([*lines, *(f"# - {note}" for note in told)]) + "\n"


class MergeKey(str):
    """The key under which a mapping takes over another one's pairs (yaml.org/type/merge)."""

    __slots__ = ()


MERGE = MergeKey("<<")


def as_yaml(
    documents: Iterable[object], starts: str = "", shared: dict[str, object] | None = None
) -> str:
    """Values as YAML documents.

    Args:
        documents: Of dicts, lists, texts, numbers, booleans and None.
        starts: What stands before each.
        shared: Is written once; where it occurs again, an alias stands for it.
    """
    import yaml

    # The writer in C takes a third of the time; not every PyYAML has it.
    class Dumper(getattr(yaml, "CSafeDumper", yaml.SafeDumper)):  # type: ignore[misc]
        """Writes what occurs twice twice, but for what is shared."""

        def ignore_aliases(self, data: object) -> bool:
            return data is not shared

        def represent_data(self, data: object) -> yaml.Node:
            if isinstance(data, MergeKey):
                return yaml.ScalarNode("tag:yaml.org,2002:merge", str(data))
            return super().represent_data(data)  # type: ignore[no-any-return]

    # The stubs leave a parameter's type unknown.
    dump: Callable[..., str] = yaml.dump  # pyright: ignore
    return "".join(
        starts + dump(one, Dumper=Dumper, sort_keys=False, allow_unicode=True, width=_UNFOLDED)
        for one in documents
    )


def gather(notes: Iterable[str]) -> tuple[str, ...]:
    """Notes with those that say the same of several names told once: `api, web: …`."""
    names: dict[str, list[str]] = {}
    for note in notes:
        name, _, text = note.partition(": ")
        names.setdefault(text, []).append(name)
    return tuple(
        f"{', '.join(dict.fromkeys(found))}: {text}" if text else line
        for text, found in names.items()
        for line in (found if not text else found[:1])
    )


def unread(units: Iterable[Unit], reader: str) -> Iterator[str]:
    """Of which files a reader does not understand all.

    Args:
        units: Whose files.
        reader: What it is called; it knows no `export`.
    """
    found = dict.fromkeys(file.path for unit in units for file in unit.files if file.has_exports)
    for path in found:
        yield f"{path}: {reader} does not read lines that begin with export"


def is_own_url(url: str, port: int | None) -> bool:
    """Whether a URL leads to a port of this machine."""
    parts = urlsplit(url)
    return parts.hostname in ("127.0.0.1", "localhost") and parts.port == port


def whole_seconds(time_s: float) -> int:
    """Seconds for what takes no fractions of them; never less than was asked for."""
    return -int(-time_s // 1)
