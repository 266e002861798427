"""Pure. Errors of variables, templates and `.env` files (PW0501 to PW0505)."""

from portweave.errors import PortweaveError


class PlaceholderError(PortweaveError):
    """A template has a placeholder without a value.

    What to do: name a service that exists.
    """

    code = "PW0501"

    def __init__(self, template: str, name: str) -> None:
        message = f'nothing is known as "{name}" in the template {template}'
        super().__init__(message, template=template)
        self.name = name


class DriftError(PortweaveError):
    """A service has no port in the worktree's block.

    What to do: run `portweave run` or `up` again.
    """

    code = "PW0501"

    def __init__(self, service: str) -> None:
        super().__init__(
            f'service "{service}" has no port in the allocation — config/allocation drift detected',
            hint="portweave run -- true gives it one",
            service=service,
        )


class DotenvError(PortweaveError):
    """A line of `.env` that would hold a port cannot be read.

    What to do: the message names the line and the variable. It never shows the value.

    Args:
        path: The file.
        line: From 1.
        what: What is wrong with the line.
        hint: What to write instead.
        column: From 1.
    """

    code = "PW0502"

    def __init__(
        self,
        path: str,
        line: int,
        what: str,
        *,
        hint: str | tuple[str, ...] = (),
        column: int = 1,
    ) -> None:
        message = f"malformed .env line {line}: {what}"
        super().__init__(message, hint=hint, file=path, line=line, column=column)
        # Imported here: most commands meet no such error.
        from portweave.errors.problem import Problem

        if what == "no NAME=value":
            sentence = "this line is not NAME=value"
        else:
            is_name = what.isidentifier()
            sentence = f"the line for {what} is not NAME=value" if is_name else what
        # Without its source: that may be a secret.
        told = self.hints[0] if self.hints else ""
        self.problems = (Problem(sentence, path, line, column, hint=told),)


class PortOverrideError(PortweaveError):
    """A variable that holds a port holds something else.

    What to do: set it to a number from 1 to 65535, or unset it.

    Args:
        variable: Its name.
        service: The service of the port.
        value: What the variable holds.
        source: Where it is set.
        place: The file and the line, from 1; None where it is in no file.
    """

    code = "PW0503"

    def __init__(
        self,
        variable: str,
        service: str,
        value: str,
        *,
        source: str = ".env",
        place: "tuple[str, int] | None" = None,
    ) -> None:
        super().__init__(
            f'{source} override for {variable} (service "{service}") is "{value}",'
            " which is not a valid port integer in [1, 65535]",
            hint=f"set {variable} to a number from 1 to 65535, or remove it",
            service=service,
            **({} if place is None else {"file": place[0], "line": place[1]}),
        )


class EnvFileError(PortweaveError):
    """A file of variables is missing or unreadable.

    What to do: create it, or drop it from `envFile`.
    """

    code = "PW0504"

    def __init__(self, path: str, why: str, *, hint: str | tuple[str, ...] = ()) -> None:
        super().__init__(f"failed to read {path}: {why}", hint=hint, file=path)


class CurrentEnvError(PortweaveError):
    """The folder `.portweave` of a worktree cannot be written.

    What to do: check the permissions of the worktree.
    """

    code = "PW0505"

    def __init__(self, path: str, why: str) -> None:
        super().__init__(
            f"failed to write {path}: {why}",
            hint="the folder .portweave at the worktree's root must be writable",
            file=path,
        )
