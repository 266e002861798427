"""Pure. A key of a definition file, as reading, the JSON schema and the README need it.

Each table of keys lies beside the functions that read them: `shape.ROOT`, `npm_keys`, `start_keys`,
`ready_keys`, `life_keys`. To add a key, write a row, its reader, and an attribute in `model`; then
run `make readme`.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from portweave.procfiles.issues import Issues
    from portweave.procfiles.tree import Keys, Value

    # Reads the value of a key into a target, or adds what is wrong with it.
    Reader = Callable[[Value, Keys, Issues, Any], None]

Schema = dict[str, object]

# Schemas that several keys share; keys that begin with x- are the user's own.
EXTENSIONS: Schema = {"^x-": {}}
NONBLANK: Schema = {"type": "string", "pattern": r"\S"}


class Key:
    """One key of a definition file.

    Attributes:
        name: In camelCase; portweave also accepts snake_case.
        read: Reads the value into a `Shape`, a `Draft` or a `Ready`.
        schema: What JSON Schema says of the value; None for a reserved key, which has no row.
        meaning: One or more sentences in Markdown, for the schema and the README.
    """

    __slots__ = ("meaning", "name", "read", "schema")

    def __init__(self, name: str, read: "Reader", schema: Schema | None, meaning: str) -> None:
        self.name = name
        self.read = read
        self.schema = schema
        self.meaning = meaning


def names(table: tuple[Key, ...]) -> tuple[str, ...]:
    """The names of the keys in a table."""
    return tuple(key.name for key in table)
