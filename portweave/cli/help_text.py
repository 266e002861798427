"""Pure. Format the help of the command and of its verbs for a given width.

Texts are wrapped at words. Indented lines of a text keep their own layout.
"""

from textwrap import wrap

from portweave.arguments.args import Option

TYPE_CHECKING = False  # `typing` costs as much as the work
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

WIDTH = 80
# Where the texts of options begin. A longer option has its text below it.
_HEAD_WIDTH = 29
_NARROWEST = 40


def command_help(
    verbs: "Mapping[str, str]",
    groups: "Mapping[str, Sequence[str]]",
    options: "Sequence[Option]",
    width: int = WIDTH,
) -> str:
    """Return the help of the command itself.

    Args:
        verbs: What each verb does.
        groups: The verbs by group.
        options: The options of all verbs.
        width: The most cells of a line.
    """
    width = max(_NARROWEST, width)
    column = max(map(len, verbs)) + 4
    lines = ["Usage: portweave [options] COMMAND …", ""]
    lines += _paragraph(
        "Run a project's development stack once per git worktree, side by side.", width
    )
    for group, names in groups.items():
        lines += ["", f"{group}:"]
        for name in names:
            lines += _entry(name, verbs[name], column, width)
    lines += ["", "Options (before or after the command):", *_options(options, width), ""]
    lines += _paragraph("portweave COMMAND --help says more about one command.", width)
    return "\n".join(lines)


def verb_help(
    verb: str,
    usage: str,
    text: str,
    own: "Sequence[Option]",
    shared: "Sequence[Option]",
    width: int = WIDTH,
) -> str:
    """Return the help of a verb.

    Args:
        verb: The verb.
        usage: Its operands and options in short.
        text: What it does: paragraphs with empty lines between them.
        own: Its own options.
        shared: The options of all verbs.
        width: The most cells of a line.
    """
    width = max(_NARROWEST, width)
    lines = _hanging(f"Usage: portweave {verb} {usage}".rstrip(), len("Usage: "), width)
    for paragraph in text.strip().split("\n\n"):
        lines += ["", *_paragraph(paragraph, width)]
    for group in dict.fromkeys(option.group for option in own):
        members = [option for option in own if option.group == group]
        lines += ["", f"{group or 'Options'}:", *_options(members, width)]
    taken = {flag for option in own for flag in option.flags}
    lines += ["", "Global options:", *_options(shared, width, taken)]
    return "\n".join(lines)


def _options(
    options: "Sequence[Option]", width: int, taken: "Iterable[str]" = frozenset()
) -> list[str]:
    heads = [
        ", ".join(flag for flag in option.flags if flag not in taken) + option.placeholder
        for option in options
    ]
    return [
        line
        for head, option in zip(heads, options, strict=True)
        if head
        for line in _entry(head, option.help, min(_HEAD_WIDTH, width // 2), width)
    ]


def _entry(head: str, text: str, column: int, width: int) -> list[str]:
    """Return a name and its text, which is wrapped within the column of texts."""
    parts = wrap(text, width - column, break_on_hyphens=False) or [""]
    lines = [f"  {head}".ljust(column) + parts[0]]
    if len(head) + 4 > column:
        lines = [f"  {head}", " " * column + parts[0]]
    return [*lines, *(" " * column + part for part in parts[1:])]


def _paragraph(text: str, width: int) -> list[str]:
    lines: list[str] = []
    running: list[str] = []
    for line in (*text.split("\n"), None):
        if line is not None and not line.startswith(" "):
            running.append(line)
            continue
        lines += wrap(" ".join(running), width, break_on_hyphens=False)
        running = []
        if line is not None:
            indent = len(line) - len(line.lstrip())
            lines += [line] if len(line) <= width else _hanging(line, indent + 2, width)
    return lines


def _hanging(line: str, indent: int, width: int) -> list[str]:
    return wrap(line, width, subsequent_indent=" " * indent, break_on_hyphens=False)
