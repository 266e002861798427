"""Pure. Readers of the errors that runtimes and compilers print, one for each form.

A reader takes lines, and returns the last error of its form, or None.
"""

import re
from collections.abc import Callable, Sequence

from portweave.encoding.value import value

# Errors of a compiler within so many lines were printed together.
_NEAR_LINES = 12


@value
class Place:
    """A place in a file.

    Attributes:
        at: Number of the printed line that names it.
        path: Of the file.
        line: The line in the file; may be empty.
    """

    at: int
    path: str
    line: str


@value
class Found:
    """An error of one form.

    Attributes:
        begin: Number of its first line.
        head: Number of the line that has its message.
        end: Number of its last line.
        message: Its message.
        places: The places that it names, the most useful first.
    """

    begin: int
    head: int
    end: int
    message: str
    places: tuple[Place, ...] = ()


Reader = Callable[[Sequence[str]], Found | None]

# Paths of frames in the runtime itself.
RUNTIME = re.compile(
    r"^node:|^\[eval\]|^internal/|/lib/python\d|^<|^internal:|/rustc/|/usr/(?:local/)?(?:lib/)?go[-\d.]*/"
    r"|/libexec/src/|/usr/lib/ruby/|/lib/ruby/\d|/bin/[\w.-]+$"
)
JAVA_RUNTIME = re.compile(r"^\s+at (?:[\w.]+/)?(?:java|javax|jdk|sun|com\.sun|kotlin|scala)\.")

# Python: traceback(3) prints frames first, and the message last.

PYTHON_FRAME = re.compile(r'^(?P<margin>.*?) {2}File "(?P<path>[^"]+)", line (?P<line>\d+)')
_TRACEBACK = re.compile(r"Traceback \(most recent call last\):\s*$")
_CHAINED = ("During handling of the above exception", "The above exception was the direct cause")


def margin_of(line: str) -> str:
    """The margin before a frame of Python: empty, or the bars of an exception group."""
    match = PYTHON_FRAME.match(line)
    return "" if match is None else match["margin"]


def _python(lines: Sequence[str]) -> Found | None:
    frames = [n for n, line in enumerate(lines) if PYTHON_FRAME.match(line)]
    if not frames:
        return None
    last = frames[-1]
    margin = margin_of(lines[last])
    head = last
    for number in range(last + 1, len(lines)):
        line = lines[number]
        content = line.removeprefix(margin)
        if content.strip() and not content.startswith(" "):
            head = number
            break
    begin = _chain_begin(lines, last)
    places = [_python_place(lines[n], n) for n in reversed(frames) if n >= begin]
    message = lines[head].removeprefix(margin) if head != last else ""
    return Found(begin, head, max(head, last), _without_package(message), tuple(places))


def _python_place(line: str, at: int) -> Place:
    match = PYTHON_FRAME.match(line)
    assert match is not None
    return Place(at, match["path"], match["line"])


def _chain_begin(lines: Sequence[str], last: int) -> int:
    """The first line of the trace with the frame `last`, or of its chain of traces."""
    begin = last
    for number in range(last - 1, -1, -1):
        line = lines[number]
        if _TRACEBACK.search(line):
            begin = number
            before = [text for text in lines[max(0, number - 2) : number] if text.strip()]
            if not any(text.strip(" |").startswith(_CHAINED) for text in before) and not any(
                "+-----" in text for text in before
            ):
                break
        elif PYTHON_FRAME.match(line):
            begin = min(begin, number)
        elif begin == last and not line.startswith(" "):
            # A syntax error in the script itself has no trace before it.
            break
    return begin


def _without_package(message: str) -> str:
    """`json.decoder.JSONDecodeError: …` as `JSONDecodeError: …`."""
    return re.sub(r"^(?:[A-Za-z_]\w*\.)+(?=[A-Z]\w*(?::|$))", "", message)


# JavaScript in V8, and languages compiled to it: https://v8.dev/docs/stack-trace-api.

NODE_FRAME = re.compile(
    r"^\s+at (?:.*? \()?(?:async )?"
    r"(?:(?P<path>[^()\s][^()]*?):(?P<line>\d+):\d+|(?P<own>node:[^()\s]+))\)?(?: \{)?$"
)
_NODE_HEAD = re.compile(
    r"^(?:Uncaught |error: | ?\u2a2f )?[A-Za-z_$][\w$.]*(?: \[\w+\])?(?:: .+)$|^\w*Error$"
)
_REJECTED = re.compile(r"^(?:error: | ?\u2a2f )|(?<=Rejection: )This error .* with the reason ")
_SOURCE_LINE = re.compile(
    r"^(?P<path>(?:file://)?(?:/|\w:\\|\.{0,2}/)[^:]*|node:[\w/]+):(?P<line>\d+)$"
)
_IMPORTED = re.compile(r"imported from (?P<path>/\S+\.\w+)|^- (?P<required>/\S+\.\w+)$")


def _node(lines: Sequence[str]) -> Found | None:
    frames = [n for n, line in enumerate(lines) if NODE_FRAME.match(line)]
    heads = [n for n, line in enumerate(lines) if _NODE_HEAD.match(line)]
    head = next((n for n in reversed(heads) if _is_thrown(lines, n, frames)), None)
    value = _thrown_value(lines)
    if value is not None and (head is None or head < value):
        head = value
    if head is None:
        return None
    begin, places = head, list[Place]()
    for number in range(head - 1, max(-1, head - 9), -1):
        if match := _SOURCE_LINE.match(lines[number]):
            if not RUNTIME.search(match["path"]):
                begin = number
                places.append(Place(number, match["path"], match["line"]))
            break
    end = max([head, *(n for n in frames if n > head)])
    message = lines[head]
    for number in range(head + 1, min(head + 4, len(lines))):
        # A compiler throws an error whose message contains the place in the file.
        if (compiled := _compiled(lines[number])) is not None:
            message, path, line = compiled
            places.insert(0, Place(number, path, line))
            break
    for number in frames:
        if number > head and (match := NODE_FRAME.match(lines[number])):
            places.append(Place(number, match["path"] or match["own"], match["line"] or ""))
    for number in range(head, min(end + 4, len(lines))):
        if match := _IMPORTED.search(lines[number]):
            places.append(Place(number, match["path"] or match["required"], ""))
    return Found(begin, head, end, _REJECTED.sub("", message), tuple(places))


def _thrown_value(lines: Sequence[str]) -> int | None:
    """The line of a thrown value that is no error: it stands below the mark in the program."""
    for number in range(len(lines) - 1, 1, -1):
        if re.match(r"\s*\^+$", lines[number]) and _SOURCE_LINE.match(lines[number - 2]):
            return next((n for n in range(number + 1, len(lines)) if lines[n].strip()), None)
    return None


def _is_thrown(lines: Sequence[str], head: int, frames: Sequence[int]) -> bool:
    """Whether a frame follows a message soon, or a line of the program precedes it."""
    if any(head < frame <= head + 8 for frame in frames):
        return True
    if "Require stack:" in lines[head + 1 : head + 2]:
        return True
    before = lines[max(0, head - 8) : head]
    return "Error" in lines[head] and any(_SOURCE_LINE.match(line) for line in before)


# Languages of the JVM: Throwable.printStackTrace.

_JAVA_FRAME = re.compile(r"^\s+at [\w.$/<>@-]+\((?:(?P<path>[\w$]+\.\w+):(?P<line>\d+)|[\w .]+)\)$")
# A class without a package counts only with one of these words before it.
_JAVA_HEAD = re.compile(
    r"^(?:"
    r'(?:Exception in thread "[^"]*" |Caused by: )(?P<thrown>[A-Za-z_][\w$.]*\b.*)'
    r"|(?P<message>(?:[a-z_]\w*\.)+[A-Z][\w$]*\b.*)"
    r")$"
)


def _java(lines: Sequence[str]) -> Found | None:
    frames = [n for n, line in enumerate(lines) if _JAVA_FRAME.match(line)]
    if not frames:
        return None
    last = frames[-1]
    begin = last
    while begin > 0 and re.match(r"^\s+at |^Caused by: |^\s+\.\.\. \d+ ", lines[begin]):
        begin -= 1
    heads = [n for n in range(begin, last) if _JAVA_HEAD.match(lines[n])]
    if not heads:
        return None
    root = heads[-1]
    places = [
        Place(n, match["path"], match["line"])
        for n in [*range(root, last + 1), *range(begin, root)]
        if (match := _JAVA_FRAME.match(lines[n]))
        and match["path"]
        and not JAVA_RUNTIME.match(lines[n])
    ]
    match = _JAVA_HEAD.match(lines[root])
    message = "" if match is None else _without_package(match["thrown"] or match["message"])
    return Found(begin, root, last, message, tuple(places))


_RUBY_HEAD = re.compile(
    r"^(?P<path>[^\s:][^:]*(?::[^:]*>)?):(?P<line>\d+):in [`'][^']*': (?P<message>.+?)"
    r"(?: \((?P<kind>[\w:]+)\))?$"
)
RUBY_FROM = re.compile(r"^\s+from (?P<path>.+?):(?P<line>\d+):in ")


def _ruby(lines: Sequence[str]) -> Found | None:
    heads = [n for n, line in enumerate(lines) if _RUBY_HEAD.match(line)]
    if not heads:
        return None
    head = end = heads[-1]
    # The causes of an error stand behind it.
    while head > 0 and (RUBY_FROM.match(lines[head - 1]) or _RUBY_HEAD.match(lines[head - 1])):
        head -= 1
    while not _RUBY_HEAD.match(lines[head]):
        head += 1
    while end + 1 < len(lines) and RUBY_FROM.match(lines[end + 1]):
        end += 1
    places = [
        Place(n, match["path"], match["line"])
        for n in range(head, end + 1)
        if (match := _RUBY_HEAD.match(lines[n]) or RUBY_FROM.match(lines[n]))
    ]
    first = _RUBY_HEAD.match(lines[head])
    assert first is not None
    message = f"{first['kind']}: {first['message']}" if first["kind"] else first["message"]
    return Found(head, head, end, message, tuple(places))


_GO_HEAD = re.compile(r"^(?P<message>(?:panic|fatal error): .+)$")
GO_FRAME = re.compile(r"^\t(?P<path>\S+\.go):(?P<line>\d+)(?: \+0x[0-9a-f]+)?$")


def _go(lines: Sequence[str]) -> Found | None:
    heads = [n for n, line in enumerate(lines) if _GO_HEAD.match(line)]
    if not heads:
        return None
    head = heads[-1]
    frames = [n for n in range(head, len(lines)) if GO_FRAME.match(lines[n])]
    places = [
        Place(n, match["path"], match["line"])
        for n in frames
        if (match := GO_FRAME.match(lines[n]))
    ]
    return Found(head, head, max([head, *frames]), lines[head], tuple(places))


_RUST_HEAD = re.compile(
    r"^thread '[^']*'(?: \(\d+\))? panicked at (?:'(?P<old>.*)', )?"
    r"(?P<path>\S+?):(?P<line>\d+):\d+:?$"
)
_RUST_FRAME = re.compile(r"^\s+at (?P<path>\S+\.rs):(?P<line>\d+):\d+$")
NATIVE_FRAME = re.compile(
    r"^\s+\d+: (?:std|core|alloc|__rustc|rust_begin_unwind|_start|__libc)\b|^stack backtrace:"
)


def _rust(lines: Sequence[str]) -> Found | None:
    heads = [n for n, line in enumerate(lines) if _RUST_HEAD.match(line)]
    if not heads:
        return None
    head = heads[-1]
    match = _RUST_HEAD.match(lines[head])
    assert match is not None
    message = match["old"] or "".join(lines[head + 1 : head + 2])
    frames = [n for n in range(head, len(lines)) if re.match(r"^\s+(?:\d+:|at) ", lines[n])]
    places = [Place(head, match["path"], match["line"])]
    places += [
        Place(n, frame["path"], frame["line"])
        for n in frames
        if (frame := _RUST_FRAME.match(lines[n]))
    ]
    end = max([min(head + 1, len(lines) - 1), *frames])
    return Found(head, head, end, f"panicked: {message}", tuple(places))


# Compilers: one line for each error, with its place, or the place in a line below.

_COMPILER_LINES = tuple(
    re.compile(text)
    for text in (
        r"^(?P<path>\S+?)\((?P<line>\d+),\d+\): error (?P<message>\S+: .+)$",
        r"^(?P<path>\S+?):(?P<line>\d+):\d+ - error (?P<message>.+)$",
        r"^(?P<path>\S+?):(?P<line>\d+):(?:\d+:)? (?:fatal )?(?:error|ERROR): (?P<message>.+)$",
        r"^(?P<path>\S+\.go):(?P<line>\d+):\d+: (?P<message>.+)$",
        # Maven, and Gradle with Kotlin.
        r"^\[ERROR\] (?P<path>/\S+?):\[(?P<line>\d+),\d+\] (?P<message>.+)$",
        r"^e: (?P<path>(?:file://)?/\S+?):(?P<line>\d+):\d+:? (?P<message>.+)$",
        r"^(?P<path>\S+?):(?P<line>\d+): (?P<message>syntax errors? ?.*)$",
        (
            r"^(?:PHP )?(?:Fatal|Parse) error: +(?:Uncaught )?(?P<message>.+) in (?P<path>/\S+)"
            r"(?: on line |:)(?P<line>\d+)$"
        ),
        r"^(?P<message>\S.*) at (?P<path>\S+\.(?:pl|pm|cgi|psgi)) line (?P<line>\d+)\.$",
    )
)
_BELOW_HEADS = tuple(
    re.compile(text)
    for text in (
        r"^error(?:\[\w+\])?: (?P<message>.+)$",
        r"^(?:\S+ )?\[ERROR\] (?P<message>.+)$",
        r"^.*\[vite\] (?:\(\w+\) )?[\w -]+ error: (?P<message>.+)$",
        r"^\*\* \((?P<message>[\w.]+\) .+)$",
    )
)
# Next.js: the message stands below.
_ABOVE_PLACE = re.compile(r"^ ?\u2a2f (?P<path>\./\S+?):(?P<line>\d+):\d+$")
_BELOW_PLACE = re.compile(
    r"^\s+(?:--> |└─ |File: |\([\w .-]+\) )?"
    r"(?P<path>[\w./@+-]*\w\.\w+):(?P<line>\d+)(?::\d+)?(?::.*)?$"
)


def _compiled(line: str) -> tuple[str, str, str] | None:
    """Message, path and line of a compiler's error that stands on one line."""
    for pattern in _COMPILER_LINES:
        if match := pattern.match(line):
            return match["message"], match["path"], match["line"]
    return None


def _compiler(lines: Sequence[str]) -> Found | None:
    found: list[Found] = []
    for number, line in enumerate(lines):
        if (compiled := _compiled(line)) is not None:
            message, path, at = compiled
            found.append(Found(number, number, number, message, (Place(number, path, at),)))
        elif (match := _ABOVE_PLACE.match(line)) and number + 1 < len(lines):
            above = (Place(number, match["path"], match["line"]),)
            message = lines[number + 1].strip()
            found.append(Found(number, number + 1, number + 1, message, above))
        elif match := next((m for p in _BELOW_HEADS if (m := p.match(line))), None):
            for below in range(number + 1, min(number + 5, len(lines))):
                if place := _BELOW_PLACE.match(lines[below]):
                    places = (Place(below, place["path"], place["line"]),)
                    message = match["message"].replace(") ", ": ", line.startswith("**"))
                    found.append(Found(number, number, below, message, places))
                    break
    if not found:
        return None
    # Of errors that were printed together, the first is the most useful.
    first = len(found) - 1
    while first and found[first].begin - found[first - 1].end <= _NEAR_LINES:
        first -= 1
    one = found[first]
    return Found(one.begin, one.head, max(one.end, found[-1].end), one.message, one.places)


# Each with marks: an error of its form contains one of them, and the search for marks is cheap.
READERS: tuple[tuple[tuple[str, ...], Reader], ...] = (
    (("\tat ", "    at "), _java),
    (('  File "',), _python),
    (("    at ", "Error", "Node.js v"), _node),
    ((":in ",), _ruby),
    (("panic: ", "fatal error: "), _go),
    (("panicked",), _rust),
    (("rror", "ERROR", ".go:", "** (", " line ", "e: file:", "\u2a2f "), _compiler),
)
