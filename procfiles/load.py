"""Find the definition files of a folder and read them."""

# Paths are text here: importing pathlib takes longer than all of this.
import os
from errno import EINVAL, ETIMEDOUT

from portweave import errors
from portweave.procfiles import definitions
from portweave.procfiles.model import Definitions, Origin, Service

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from collections.abc import Set as AbstractSet

    from portweave.procfiles.dotenv import Variables
    from portweave.procfiles.procfile import Process
    from portweave.procfiles.tree import Document

DOCUMENTS = ("portweave.config.json", "portweave.yaml", "portweave.yml")
# The first that exists is read.
PROCFILES = ("Procfile.dev", "Procfile")
LARGEST_BYTES = 1 << 20
MOST_ANONYMOUS = 100
# The most unreadable lines that a warning names.
_MOST_LINES = 10
# The bits of the file type in `st_mode`, and the types that are not regular files: stat(2).
_TYPE_BITS = 0o170000
_KINDS = {
    0o010000: "a named pipe",
    0o020000: "a device",
    0o060000: "a device",
    0o140000: "a socket",
}
# Paths of open descriptors, as in `-f <(command)` and `-f /dev/stdin`: proc(5).
_OPEN_FILES = ("/dev/fd/", "/dev/stdin", "/proc/")
_PIPE_TIMEOUT_MS = 10_000
# Editors on Windows write it at the start of a UTF-8 file.
_BYTE_ORDER_MARK = "\ufeff"


def load(cwd: str, top: str | None, explicit: str | None) -> Definitions:
    """Read the definition files.

    Args:
        cwd: The command's working folder, absolute.
        top: The worktree's root, the last folder to search; None for `/`.
        explicit: The file to read instead of a search, relative to `cwd`; None to search.

    Raises:
        DefinitionsMissingError: There is no definition file.
        DefinitionsInvalidError: A file cannot be read or is not valid.
    """
    if explicit is not None:
        path = os.path.normpath(os.path.join(cwd, explicit))
        if not os.path.exists(path):
            hint = "-f and --config name a definition file"
            missing = errors.DefinitionsMissingError(path, hint=hint)
            missing.told = (f"there is no file {explicit}", hint)
            raise missing
        if _is_procfile(path):
            return _build(cwd, None, path)
        return _build(cwd, path, None)
    folder = cwd
    while True:
        documents = [name for name in DOCUMENTS if os.path.exists(os.path.join(folder, name))]
        processes = [name for name in PROCFILES if os.path.exists(os.path.join(folder, name))]
        if len(documents) > 1:
            raise errors.DefinitionsInvalidError(
                f"more than one definition file in {folder}: {', '.join(documents)}",
                hint="keep one of them, or name one with -f",
                file=os.path.join(folder, documents[0]),
            )
        if documents or processes:
            return _build(
                cwd,
                os.path.join(folder, documents[0]) if documents else None,
                os.path.join(folder, processes[0]) if processes else None,
            )
        parent = os.path.dirname(folder)
        if parent == folder or folder == top:
            raise _missing(cwd, folder)
        folder = parent


def definitions_folder(folder: str) -> str:
    """The first folder from `folder` upwards with a definition file, else `folder` itself."""
    above = folder
    while True:
        if any(os.path.exists(f"{above}/{name}") for name in (*DOCUMENTS, *PROCFILES)):
            return above
        parent = os.path.dirname(above)
        if parent == above:
            return folder
        above = parent


def definition_file(cwd: str, top: str | None) -> str | None:
    """The path of the file that `load` reads first; None where there is none."""
    folder = cwd
    while True:
        for name in (*DOCUMENTS, *PROCFILES):
            if os.path.exists(path := os.path.join(folder, name)):
                return path
        parent = os.path.dirname(folder)
        if parent == folder or folder == top:
            return None
        folder = parent


def anonymous(count: int) -> Definitions:
    """Define services `port-1` to `port-n` with `PORT_1` to `PORT_n`, without any file.

    Raises:
        DefinitionsInvalidError: `count` is not in [1, 100].
    """
    if not 1 <= count <= MOST_ANONYMOUS:
        raise errors.DefinitionsInvalidError(
            f"count must be an integer in [1, {MOST_ANONYMOUS}], received {count}"
        )
    origin = Origin("")
    services = [
        Service(f"port-{number}", origin, env_var=f"PORT_{number}")
        for number in range(1, count + 1)
    ]
    return Definitions((), tuple(services))


def read_overrides(path: str, names: "AbstractSet[str]") -> dict[str, str]:
    """Read a .env file's values for computed variables; empty where the file is missing.

    Args:
        path: The .env file, absolute.
        names: The names of the computed variables.

    Raises:
        EnvFileError: The file cannot be read.
        DotenvError: A line for one of the names is malformed, or the file is not UTF-8.
    """
    text = _variables(path, required=False)
    if not text:
        return {}
    # Imported here: a worktree without such a file does not need the parser.
    from portweave.procfiles import overrides

    return overrides.read(text, path, names)


def read_env_file(
    path: str, *, required: bool, names: "AbstractSet[str]" = frozenset()
) -> "Variables":
    """Read a .env file; without variables where an optional file is missing.

    Args:
        path: The .env file, absolute.
        required: Whether a missing file is an error.
        names: The variables; a malformed line for one of them is an error.

    Raises:
        EnvFileError: A required file is missing, or the file cannot be read.
        DotenvError: A line for one of `names` is malformed, or the file is not UTF-8.
    """
    from portweave.procfiles import dotenv

    text = _variables(path, required=required)
    found = dotenv.parse(text)
    if found.unread:
        from portweave.procfiles import overrides

        overrides.read(text, path, names)
    return found


def _variables(path: str, *, required: bool) -> str:
    """The text of a .env file; empty where an optional file is missing."""
    try:
        data = _read(path)
    except FileNotFoundError:
        if required:
            raise errors.EnvFileError(
                path,
                "there is no such file",
                hint="where it may be missing: envFile: {path: …, required: false}",
            ) from None
        return ""
    except OSError as error:
        raise errors.EnvFileError(path, error.strerror or str(error)) from error
    if len(data) > LARGEST_BYTES:
        raise errors.EnvFileError(path, f"it has more than {LARGEST_BYTES} bytes")
    try:
        return data.decode().removeprefix(_BYTE_ORDER_MARK)
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        start = data.rfind(b"\n", 0, error.start) + 1
        column = len(data[start : error.start].decode()) + 1
        raise errors.DotenvError(
            path, line, "not UTF-8", hint="save the file as UTF-8", column=column
        ) from None


def unread_lines(path: str, unread: "Sequence[int]") -> list[str]:
    """The warning about malformed lines of a .env file: one line, or none.

    Args:
        path: The file's path as messages show it.
        unread: The numbers of the malformed lines, from 1.
    """
    if not unread:
        return []
    shown = ", ".join(map(str, unread[:_MOST_LINES]))
    more = f" and {len(unread) - _MOST_LINES} more" if len(unread) > _MOST_LINES else ""
    what = f"lines {shown}{more} are" if len(unread) > 1 else f"line {shown} is"
    return [f"warning: {path}: {what} left out: not NAME=value, and no comment"]


def read_document(path: str) -> "Document":
    """Read a JSON or YAML file for the places of its values.

    Args:
        path: The file, absolute.

    Raises:
        DefinitionsInvalidError: The file cannot be read or is not valid.
    """
    return _document(path, path, {})


def _missing(cwd: str, last: str) -> "errors.DefinitionsMissingError":
    from portweave.procfiles.other_tools import advise

    looked = f"looked for {', '.join((*DOCUMENTS, *PROCFILES))} in {cwd}"
    if last != cwd:
        looked += f" and the folders above it, up to {last}"
    advice = advise(_names_in(cwd), _package_scripts(cwd), _make_targets(cwd))
    example = f": {', '.join(advice.lines)}" if advice.lines else ""
    error = errors.DefinitionsMissingError(
        os.path.join(cwd, DOCUMENTS[0]),
        hint=(looked, advice.text + example, "portweave run --count N -- COMMAND needs none"),
    )
    colon = ":" if advice.lines else ""
    error.told = (
        "no Procfile or portweave.yaml here or above",
        "\n".join((advice.text + colon, *advice.lines)),
    )
    return error


def _names_in(folder: str) -> list[str]:
    try:
        return os.listdir(folder)
    except OSError:
        return []


def _package_scripts(folder: str) -> dict[str, object]:
    """The scripts of a package.json; empty where there is none that can be read."""
    import json

    from portweave.encoding.json_text import is_object

    try:
        value: object = json.loads(_read(os.path.join(folder, "package.json")))
    except (OSError, ValueError, RecursionError):
        return {}
    scripts = value.get("scripts") if is_object(value) else None
    return dict(scripts) if is_object(scripts) else {}


def _make_targets(folder: str) -> list[str]:
    """The targets of a Makefile; empty where there is none that can be read."""
    try:
        lines = _read(os.path.join(folder, "Makefile")).decode(errors="replace").split("\n")
    except OSError:
        return []
    heads = [line.partition(":")[0] for line in lines if ":" in line and not line[:1].isspace()]
    return [word for head in heads for word in head.split()]


def _is_procfile(path: str) -> bool:
    name = os.path.basename(path).lower()
    return name.startswith("procfile") or name.endswith("procfile")


def _build(cwd: str, document_path: str | None, procfile_path: str | None) -> Definitions:
    shown: dict[str, str] = {}
    texts: dict[str, str] = {}
    document: Document | None = None
    processes: tuple[Process, ...] | None = None
    if document_path is not None:
        shown[document_path] = _shown(document_path, cwd)
        document = _document(document_path, shown[document_path], texts)
    if procfile_path is not None:
        from portweave.procfiles import procfile

        shown[procfile_path] = _shown(procfile_path, cwd)
        texts[procfile_path] = text = _text(procfile_path, "a Procfile", shown[procfile_path])
        processes = procfile.parse(text, procfile_path, shown[procfile_path])
    return definitions.build(document, processes, procfile_path or "", shown, texts)


def _shown(path: str, cwd: str) -> str:
    return path.removeprefix(cwd.rstrip("/") + "/")


def _document(path: str, shown: str, texts: dict[str, str]) -> "Document":
    if path.lower().endswith((".yaml", ".yml")):
        from portweave.procfiles import yamlfile

        texts[path] = _text(path, "YAML", shown)
        return yamlfile.parse(texts[path], path, shown)
    from portweave.procfiles import jsonfile

    texts[path] = _text(path, "JSON", shown)
    return jsonfile.parse(texts[path], path, shown)


def _text(path: str, kind: str, shown: str) -> str:
    try:
        data = _read(path)
    except OSError as error:
        raise errors.DefinitionsInvalidError(
            f"failed to read {path}: {error.strerror or error}", file=path
        ) from error
    if len(data) > LARGEST_BYTES:
        raise errors.DefinitionsInvalidError(
            f"failed to read {path}: it has more than {LARGEST_BYTES} bytes", file=path
        )
    try:
        return data.decode().removeprefix(_BYTE_ORDER_MARK)
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        column = error.start - (data.rfind(b"\n", 0, error.start) + 1) + 1
        invalid = errors.DefinitionsInvalidError(
            f"failed to parse {kind} at {path}: byte 0x{data[error.start]:02x} is not UTF-8"
            f" (line {line} column {column})",
            hint=f"{shown}:{line}:{column}: save the file as UTF-8",
            file=path,
            line=line,
            column=column,
        )
        from portweave.errors.problem import problem_at

        sentence = f"the byte 0x{data[error.start]:02x} is not UTF-8"
        shown_text = data.decode(errors="replace")
        invalid.problems = (
            problem_at(sentence, shown, shown_text, line, column, hint="save the file as UTF-8"),
        )
        raise invalid from None


def _read(path: str) -> bytes:
    """The bytes of a file, at most one more than the limit.

    Raises:
        OSError: The file cannot be read, or is not a file: reading a named pipe may never end.
    """
    found = os.stat(path)
    kind = _KINDS.get(found.st_mode & _TYPE_BITS)
    is_null_device = found.st_rdev != 0 and found.st_rdev == os.stat(os.devnull).st_rdev
    is_open_descriptor = path.startswith(_OPEN_FILES)
    if kind is not None and not is_null_device and not is_open_descriptor:
        raise OSError(EINVAL, f"it is {kind}, not a file")
    # O_NONBLOCK: the path may have become a pipe meanwhile, and open(2) would wait for a writer.
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    try:
        data = b""
        # A pipe may give only a part at a time; an empty read is its end.
        while len(data) <= LARGEST_BYTES and (chunk := _read_chunk(descriptor, len(data))):
            data += chunk
        return data
    finally:
        os.close(descriptor)


def _read_chunk(descriptor: int, length: int) -> bytes:
    """The next bytes; wait for them where a pipe of the shell has none yet."""
    try:
        return os.read(descriptor, LARGEST_BYTES + 1 - length)
    except BlockingIOError:
        import select

        poll = select.poll()
        poll.register(descriptor, select.POLLIN)
        if not poll.poll(_PIPE_TIMEOUT_MS):
            raise TimeoutError(ETIMEDOUT, "nothing has come from it") from None
        return os.read(descriptor, LARGEST_BYTES + 1 - length)
