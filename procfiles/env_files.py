"""The places where definition files name files of variables, for errors."""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from portweave.errors import EnvFileError
    from portweave.procfiles.model import EnvFile


def add_place(error: "EnvFileError", file: "EnvFile") -> None:
    """Let an error show where a definition file names a file of variables.

    Args:
        error: The error of the file.
        file: The file.
    """
    if file.find is None:
        return
    from portweave.errors.problem import problem_at

    try:
        with open(file.definition, encoding="utf-8-sig") as definition:
            text = definition.read()
    except (OSError, ValueError):
        return
    line, column, token = file.find()
    hint = error.hints[0] if error.hints else ""
    error.problems = (
        problem_at(error.message, file.definition, text, line, column, token=token, hint=hint),
    )
