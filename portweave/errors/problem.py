"""Pure. One problem of a file, as a terminal shows it: sentence, place, source line, hint."""


class Problem:
    """One problem of a file.

    Attributes:
        sentence: What is wrong, in a sentence without a full stop.
        path: The file's path as messages show it.
        line: The line, from 1.
        column: The first marked character of the line, from 1.
        width: How many characters are marked.
        source: The text of the line; None where it is unknown, or may hold a secret.
        hint: What to do; empty for nothing.
    """

    __slots__ = ("column", "hint", "line", "path", "sentence", "source", "width")

    def __init__(
        self,
        sentence: str,
        path: str,
        line: int,
        column: int,
        *,
        width: int = 1,
        source: str | None = None,
        hint: str = "",
    ) -> None:
        self.sentence = sentence
        self.path = path
        self.line = line
        self.column = column
        self.width = width
        self.source = source
        self.hint = hint


def problem_at(
    sentence: str,
    path: str,
    text: str | None,
    line: int,
    column: int,
    *,
    token: str = "",
    word: str = "",
    hint: str = "",
) -> Problem:
    """A problem at a place in a text.

    Args:
        sentence: What is wrong.
        path: The file's path as messages show it.
        text: The file's text; None where it is unknown.
        line: The line, from 1.
        column: The column, from 1.
        token: What to mark there: a key or a value, without its quotes. Empty for one character.
        word: The part of the token to mark, where it is not all of it.
        hint: What to do.
    """
    source = None if text is None else _line_of(text, line)
    return problem_on(sentence, path, source, line, column, token=token, word=word, hint=hint)


def problem_on(
    sentence: str,
    path: str,
    source: str | None,
    line: int,
    column: int,
    *,
    token: str = "",
    word: str = "",
    hint: str = "",
) -> Problem:
    """The same for a line of the text; None where it is unknown.

    Args:
        sentence: As for `problem_at`.
        path: As for `problem_at`.
        source: The text of the line.
        line: As for `problem_at`.
        column: As for `problem_at`.
        token: As for `problem_at`.
        word: As for `problem_at`.
        hint: As for `problem_at`.
    """
    if word and source is not None:
        found = source.find(word, column - 1)
        if found >= 0:
            return Problem(
                sentence, path, line, found + 1, width=len(word), source=source, hint=hint
            )
    width = 1 if source is None else _width_of(source, column - 1, token)
    return Problem(sentence, path, line, column, width=width, source=source, hint=hint)


def _line_of(text: str, line: int) -> str | None:
    lines = text.split("\n", line)
    return lines[line - 1].rstrip("\r") if 0 < line <= len(lines) else None


def _width_of(source: str, start: int, token: str) -> int:
    """How many characters to mark from `start` on: a text in quotes, or `token`."""
    if not token:
        return 1
    quote = source[start : start + 1]
    if quote in ('"', "'") and not token.startswith(quote):
        end = start + 1
        while end < len(source) and source[end] != quote:
            end += 2 if source[end] == "\\" and quote == '"' else 1
        return min(end + 1, len(source)) - start
    shown = token.partition("\n")[0]
    return len(shown) if shown and source.startswith(shown, start) else 1
