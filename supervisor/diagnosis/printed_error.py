"""Pure. The last error among printed lines: its message, its place in the project, and an excerpt.

Each runtime prints errors in its own form, so each has its own reader. It finds the last error of
its form. The excerpt begins where the error begins. It leaves out frames of the runtime. Frames of
libraries are left out too, if there is a frame of the project.
"""

import re
from collections.abc import Iterator, Sequence

from portweave.encoding.value import value
from portweave.supervisor.diagnosis.error_readers import (
    GO_FRAME,
    JAVA_RUNTIME,
    NATIVE_FRAME,
    NODE_FRAME,
    PYTHON_FRAME,
    READERS,
    RUBY_FROM,
    RUNTIME,
    Found,
    Place,
    margin_of,
)
from portweave.supervisor.logs.error_words import reports_error
from portweave.supervisor.logs.log_levels import level_of

EXCERPT_LINES = 12
_LONGEST_MESSAGE = 300
# The most lines behind an error that still counts as the last output.
_BEHIND_LINES = 3
_MOST_ERRORS = 20


@value
class PrintedError:
    """An error that a service has printed.

    Attributes:
        message: Its message, on one line.
        place: `path:line` in the project, as it was printed; empty for none.
        excerpt: Its lines without frames of the runtime, 12 at most.
        is_last: Whether nothing important was printed behind it.
        lines: All its lines. Before a single-line message, some lines above are added.
    """

    message: str
    place: str
    excerpt: tuple[str, ...]
    is_last: bool
    lines: tuple[str, ...]


def find_error(lines: Sequence[str], folder: str = "") -> PrintedError | None:
    """The last error in lines; None for none.

    Args:
        lines: Plain text, the newest last.
        folder: Places are shown relative to this folder.
    """
    found = _last_error(lines)
    return None if found is None else _described(lines, found, folder)


def _described(lines: Sequence[str], found: "_Last", folder: str) -> PrintedError:
    described = _describe(lines, found, folder)
    if not described.place and (own := _without_prefix(lines, found.error.begin)):
        inner = _last_error(own)
        better = None if inner is None else _describe(own, inner, folder)
        if better is not None and better.place:
            return better
    return described


@value
class NumberedError:
    """One of several errors in lines.

    Attributes:
        error: The error.
        begin: The number of its first line, from 0.
        end: The number of its last line.
    """

    error: PrintedError
    begin: int
    end: int


def find_errors(
    lines: Sequence[str], folder: str = "", *, most: int = _MOST_ERRORS
) -> list[NumberedError]:
    """The errors in lines, in their order: of several lines, and single lines that report one.

    Args:
        lines: Plain text, the newest last.
        folder: Places are shown relative to this folder.
        most: How many errors of several lines to look for, and how many single lines.
    """
    found: list[tuple[_Last, int]] = []
    end = len(lines)
    while len(found) < most and (one := _structured(lines[:end])) is not None:
        found.append((_Last(one, is_alone=False), end))
        end = min(one.begin, end - 1)
    covered = {n for last, _ in found for n in range(last.error.begin, last.error.end + 1)}
    suspect = enumerate(lines) if reports_error("\n".join(lines)) else ()
    alone = [n for n, line in suspect if n not in covered and _is_error_line(line)]
    # Some builds end with a line that has no word for an error.
    last = range(max(0, len(lines) - _LAST_LINES), len(lines))
    alone += [n for n in last if n not in (*covered, *alone) and _FAILS.match(lines[n])]
    found += [(_Last(_single(lines, n), is_alone=True), n + 1) for n in alone[-most:]]
    return sorted(
        (
            NumberedError(_described(lines[:limit], last, folder), last.error.begin, last.error.end)
            for last, limit in found
        ),
        key=lambda one: one.begin,
    )


def _is_error_line(line: str) -> bool:
    return (
        reports_error(line)
        and _NO_ERROR.search(line) is None
        and not _is_noise(line)
        and level_of(line) == "error"
    )


@value
class _Last:
    """The last error among lines, and whether it is a single line, found by its words."""

    error: Found
    is_alone: bool


# The prefixes of concurrently, turbo, pnpm -r, docker compose, pm2 and foreman; and the time.
_TIME = re.compile(r"^[\[(]?(?:\d{4}-\d\d-\d\d[T ])?\d\d:\d\d:\d\d(?:[.,]\d+)?Z?[\])]? ")
_PREFIX = re.compile(
    r"^(?:\[[^\]\s]{1,40}\]|[\w@/.-]+:[\w:-]+:|[\w@/.-]+ [\w:-]+:|(?:\d+\|)?[\w@/.-]+\s*\||│) "
)


def _without_prefix(lines: Sequence[str], begin: int) -> list[str]:
    """The lines with the same prefix as the line `begin`, without it; none if it has no prefix."""
    plain = [_TIME.sub("", line) for line in lines]
    match = _PREFIX.match(plain[begin])
    prefix = match[0] if match is not None else ""
    if not prefix:
        return plain if plain[begin] != lines[begin] else []
    mark = prefix.rstrip()
    return [line[len(prefix) :] for line in plain if line.startswith(mark)]


def _structured(lines: Sequence[str]) -> Found | None:
    """The last error of several lines, or of a compiler."""
    text = "\n".join(lines)
    readers = [read for marks, read in READERS if any(mark in text for mark in marks)]
    return max(
        (one for read in readers if (one := read(lines)) is not None),
        key=lambda one: one.end,
        default=None,
    )


def _last_error(lines: Sequence[str]) -> _Last | None:
    found = _structured(lines)
    simple = _error_line(lines)
    if found is None or (simple is not None and simple.head > found.end + 2 * EXCERPT_LINES):
        return None if simple is None else _Last(simple, is_alone=True)
    return _Last(found, is_alone=False)


def _describe(lines: Sequence[str], last: _Last, folder: str) -> PrintedError:
    found = last.error
    place = _best_place(found.places)
    if place is not None and _LIBRARY.search(place.path) and "Cannot find" in found.message:
        # This is the place of the loader, and not of the project.
        place = None
    behind = [line for line in lines[found.end + 1 :] if re.match(r"[^\s}|#\d]", line)]
    first = max(0, found.head - EXCERPT_LINES) if last.is_alone else found.begin
    return PrintedError(
        message=" ".join(found.message.split())[:_LONGEST_MESSAGE],
        place="" if place is None else _place_text(place, folder),
        excerpt=_excerpt(lines, found, place),
        is_last=sum(not _is_noise(line) for line in behind) <= _BEHIND_LINES,
        lines=tuple(lines[first:]),
    )


_LIBRARY = re.compile(
    r"/node_modules/|/site-packages/|/dist-packages/|/\.?venv/|/gems/|/vendor/|/pkg/mod/"
    r"|/\.cargo/registry/|/bundler/|^\(?(?:org\.springframework|org\.apache)\b"
)


def _best_place(places: Sequence[Place]) -> Place | None:
    own = [place for place in places if not RUNTIME.search(place.path)]
    return next(
        (place for place in own if not _LIBRARY.search(place.path)), own[0] if own else None
    )


def _place_text(place: Place, folder: str) -> str:
    path = place.path.removeprefix("file://")
    inside = f"{folder.rstrip('/')}/"
    path = path.removeprefix(inside) if folder else path
    path = path.removeprefix("./")
    return f"{path}:{place.line}" if place.line else path


def _excerpt(lines: Sequence[str], found: Found, place: Place | None) -> tuple[str, ...]:
    """The lines of an error that are worth showing, `EXCERPT_LINES` at most."""
    has_own = place is not None and not _LIBRARY.search(place.path)
    dropped = set(_omitted_frames(lines, found, libraries=has_own))
    numbers = [
        n
        for n in range(found.begin, len(lines))
        if n not in dropped and lines[n].strip() and not _is_noise(lines[n])
    ]
    anchors = [found.begin, found.head, *([] if place is None else [place.at, place.at + 1])]
    near = sorted(numbers, key=lambda n: min(abs(n - anchor) for anchor in anchors))
    kept = sorted(near[:EXCERPT_LINES])
    return tuple(lines[n].rstrip() for n in kept)


def _omitted_frames(lines: Sequence[str], found: Found, *, libraries: bool) -> Iterator[int]:
    """The numbers of lines that are frames of a runtime, or, with `libraries`, of a library."""
    for number in range(found.begin, found.end + 1):
        path = _frame_path(lines[number])
        if path is None:
            continue
        if not (RUNTIME.search(path) or (libraries and _LIBRARY.search(path))):
            continue
        yield number
        if PYTHON_FRAME.search(lines[number]):
            # A frame of Python is followed by the line of the program, and marks below it.
            margin = margin_of(lines[number])
            for below in range(number + 1, min(number + 4, found.end + 1)):
                if not lines[below].startswith(f"{margin}    "):
                    break
                yield below
        elif _is_second_of_two(lines, number):
            yield number - 1


def _is_second_of_two(lines: Sequence[str], number: int) -> bool:
    """Whether a line is the second line of a frame, with the file, as in Go and Rust."""
    if GO_FRAME.match(lines[number]):
        return True
    is_rust = re.match(r"\s+at /", lines[number]) and re.match(r"\s+\d+: ", lines[number - 1])
    return is_rust is not None


def _frame_path(line: str) -> str | None:
    """The file of a frame; None if the line is no frame."""
    if match := PYTHON_FRAME.match(line):
        return match["path"]
    if match := NODE_FRAME.match(line):
        return match["path"] or match["own"]
    if JAVA_RUNTIME.match(line):
        return "<java>"
    if (match := GO_FRAME.match(line)) or (match := RUBY_FROM.match(line)):
        return match["path"]
    return "<native>" if NATIVE_FRAME.match(line) else None


# Lines that package managers, watchers and compilers print after an error.
_NOISE = re.compile(
    r"^Node\.js v\d|^\(Use `node --trace-|^npm (?:ERR!|error|warn|WARN)|ELIFECYCLE"
    r"|^error Command failed with exit code|^error: script .* exited with code"
    r"|^make(?:\[\d+\])?: \*\*\*|^exit status \d+$"
    r"|^\[nodemon\]|^Failed running |^note: (?:run with|Some details)|^For more information about"
    r"|^error: (?:could not compile|aborting due to)|^error: compilation failed|^\d+ errors?$"
    r"|^info Visit https://yarnpkg|Waiting for file changes|Watching for file changes",
    re.IGNORECASE,
)


def _is_noise(line: str) -> bool:
    return _NOISE.search(line) is not None


# It matches at the beginning of a word only: within a long word, each try costs time.
_ANY_PLACE = re.compile(r"(?<![\w./@+-])(?P<path>[\w./@+-]*\w\.[A-Za-z]\w{0,4}):(?P<line>\d+)\b")
_CANNOT = re.compile(
    r"\b(?:can(?:no|')t|cannot|could ?n[o']t|unable to|address already in use|not found|not set"
    r"|refused|denied|is required|missing|invalid)\b",
    re.IGNORECASE,
)
_LAST_LINES = 3
_FAILS = re.compile(r"(?:could not|cannot|can't|unable to|failed to) \w", re.IGNORECASE)
_NO_ERROR = re.compile(r"\b(?:no|0|without) (?:error|exception|failed)", re.IGNORECASE)


def _error_line(lines: Sequence[str]) -> Found | None:
    """The last line that sounds like an error, preferably one that is not noise."""
    suspect = enumerate(lines) if reports_error("\n".join(lines)) else ()
    reported = [n for n, line in suspect if reports_error(line) and not _NO_ERROR.search(line)]
    # A line with only `cannot` or the like counts among the last three lines.
    reported = (
        reported
        or [
            n
            for n in range(len(lines) - 1, len(lines) - 4, -1)
            if n >= 0 and _CANNOT.search(lines[n])
        ][:1]
    )
    if not reported:
        return None
    own = [n for n in reported if not _is_noise(lines[n])]
    return _single(lines, (own or reported)[-1])


def _single(lines: Sequence[str], head: int) -> Found:
    """An error of one line."""
    match = _ANY_PLACE.search(lines[head])
    is_place = match is not None and not re.match(r"[\d.]+$", match["path"])
    places = (Place(head, match["path"], match["line"]),) if match and is_place else ()
    return Found(head, head, head, _without_stamp(lines[head]), places)


def _without_stamp(line: str) -> str:
    """A line without a leading timestamp."""
    return re.sub(r"^[\[(]?\d{4}[-/]\d\d[-/]\d\d[T ]\d\d:\d\d:\d\d\S*[\])]?\s+", "", line.strip())
