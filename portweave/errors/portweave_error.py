"""Pure. The base class of all errors that a user can meet.

This module is on the path of every command, so it imports nothing.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from portweave.errors.problem import Problem

LONGEST_MESSAGE = 2000
_MOST_HINTS = 50


def shortened(text: str) -> str:
    """Cut a text to `LONGEST_MESSAGE` characters; a text that was cut ends with its full length."""
    if len(text) <= LONGEST_MESSAGE:
        return text
    mark = f" … ({len(text)} characters in all)"
    return text[: LONGEST_MESSAGE - len(mark)] + mark


def _bounded(hints: "tuple[str, ...]") -> "tuple[str, ...]":
    shown = tuple(map(shortened, hints[:_MOST_HINTS]))
    left_out = len(hints) - _MOST_HINTS
    return (*shown, f"… and {left_out} more") if left_out > 0 else shown


class PortweaveError(Exception):
    """An error with a code, a message that says what happened and where, and hints.

    Args:
        message: What happened, and where (file, line, service, port, pid); may have several lines.
        hint: What to do, or what was probably meant: one line, or several.
        facts: Further fields for `--json`, such as `file`, `line`, `column`, `path`, `service`,
            `pid`, `port`.

    Attributes:
        code: `PW` and four digits; never changes.
        message: As given, of at most `LONGEST_MESSAGE` characters.
        hints: As given, with the same limit for each; at most 50, and one that counts the rest.
        facts: As given.
        problems: What a terminal shows in place of message and hints: problems of files.
        told: The message and the hint that a terminal shows instead; None for the same ones.
        exit_status: The exit status of the command.
        always_text: Whether the error is printed as text even with `--json`.
    """

    code = "PW0000"
    exit_status = 1
    problems: "tuple[Problem, ...]" = ()
    told: "tuple[str, str] | None" = None
    always_text = False

    def __init__(self, message: str, *, hint: str | tuple[str, ...] = (), **facts: object) -> None:
        message = shortened(message)
        super().__init__(message)
        self.message = message
        self.hints: tuple[str, ...] = _bounded((hint,) if isinstance(hint, str) else hint)
        self.facts = facts

    def as_json(self) -> dict[str, object]:
        """Return the error as the value of `{"error": …}`; without hints it has no `hint`."""
        fields: dict[str, object] = {"code": self.code, "message": self.message}
        if self.hints:
            fields["hint"] = "\n".join(self.hints)
        return fields | self.facts
