"""Pure. Errors of definition files (PW01), and of programs that have none (PW07)."""

from portweave.errors import PortweaveError


class DefinitionsMissingError(PortweaveError):
    """There is no definition file.

    What to do: the hint lists the names that portweave looked for, and where.
    """

    code = "PW0101"

    def __init__(self, path: str, *, hint: str | tuple[str, ...] = ()) -> None:
        # npm portweave prints this name for all kinds of definition files.
        super().__init__(f"no portweave.config.json at {path}", hint=hint, file=path)


class DefinitionsInvalidError(PortweaveError):
    """A definition file cannot be read or understood.

    What to do: the hint names file, line, column and the nearest known key.
    """

    code = "PW0102"


class NoServicesError(PortweaveError):
    """A program asks for ports, and there is no definition file.

    What to do: write one, or give `count`.
    """

    code = "PW0701"

    def __init__(self, cwd: str, *, looked: tuple[str, ...] = ()) -> None:
        super().__init__(
            f"no portweave.config.json found by walking up from {cwd},"
            " and no { count } option was provided",
            hint=(*looked, "count=N asks for N ports without a definition file"),
            path=cwd,
        )
