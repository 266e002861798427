"""Pure. Errors of `export` (PW13)."""

from portweave.errors import PortweaveError


class ExportNameError(PortweaveError):
    """Two services would have one name in the exported files, or a service can have none.

    What to do: rename one of them.
    """

    code = "PW1301"

    def __init__(self, message: str) -> None:
        super().__init__(message, hint="rename one of them in the definition file")


class ExportLostError(PortweaveError):
    """`export --check` found settings that cannot be carried over.

    What to do: change them, or accept each with `--allow KEY`.
    """

    code = "PW1303"

    def __init__(self, form: str, keys: list[str]) -> None:
        super().__init__(
            f"{form} cannot have all of the stack: {', '.join(keys)}",
            hint=" ".join(f"--allow {key}" for key in keys) + "  accepts what is lost",
            lost=keys,
        )


class ExportFileError(PortweaveError):
    """A file of `export` cannot be written, or another program made it.

    What to do: choose another `--output`, or use `--force`.
    """

    code = "PW1302"

    def __init__(self, path: str, why: str) -> None:
        super().__init__(
            f"{path} is not written: {why}",
            hint="choose another folder with --output; --force replaces what is there",
            path=path,
        )
