"""Every error that a user can meet, each with its stable code.

The codes PW0101 to PW0802 that npm portweave has keep their meanings and texts; ours continue each family and add
PW09 supervision, PW10 control socket, PW11 routes and proxy, PW12 calls, PW13 export. A code is never used for two
things. `portweave.cli` alone turns an error into text and an exit status.

This module is on the path of every command, so it imports nothing.
"""


class PortweaveError(Exception):
    """An error with a code, a message that says what happened and where, and hints at the way out.

    Attributes:
        code: `PW` and four digits, stable for ever.
        message: What happened, where (file, line, service, port, pid); may have several lines.
        hints: What to do, or what was probably meant; one line each.
        facts: Further fields for `--json`, such as `file`, `line`, `column`, `path`, `service`, `pid`, `port`.
        exit_status: What the command ends with.
    """

    code = "PW0000"
    exit_status = 1

    def __init__(self, message: str, *, hint: str | tuple[str, ...] = (), **facts: object) -> None:
        super().__init__(message)
        self.message = message
        self.hints: tuple[str, ...] = (hint,) if isinstance(hint, str) else hint
        self.facts = facts

    def as_json(self) -> dict[str, object]:
        """The error as the value of `{"error": …}`; `hint` is absent where there is none."""
        fields: dict[str, object] = {"code": self.code, "message": self.message}
        if self.hints:
            fields["hint"] = "\n".join(self.hints)
        return fields | self.facts


# PW06: command line


class UsageError(PortweaveError):
    """The command line cannot be understood."""

    code = "PW0601"
