"""Pure. Values: classes of fields that are set once, by `__init__`, and never changed.

`dataclasses` makes the same, but takes as long to import as a bare interpreter takes to start.
"""

TYPE_CHECKING = False  # `typing` costs as much as the work
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, TypeVar, dataclass_transform

    T = TypeVar("T")


class _Factory:
    """Makes the default of a field, anew for each value."""

    def __init__(self, make: "Callable[[], object]") -> None:
        self.make = make


def field(*, default_factory: "Callable[[], T]") -> "T":
    """A field whose default is made anew for each value.

    Args:
        default_factory: Makes it.
    """
    return _Factory(default_factory)  # type: ignore[return-value]  # pyright: ignore


if TYPE_CHECKING:

    @dataclass_transform(frozen_default=True, field_specifiers=(field,))
    def value(kind: type[T]) -> type[T]:
        """Make a class one of values."""
        ...
else:

    def value(kind):
        """Make a class one of values: its annotations are its fields, in their order.

        It gets `__init__`, `__eq__`, `__hash__` and `__repr__`, unless it has its own, and
        `__match_args__`. Only type checkers hold that it is not changed.
        """
        inherited = getattr(kind, "__match_args__", ())
        own = [name for name in kind.__annotations__ if name not in inherited]
        names = kind.__match_args__ = (*inherited, *own)
        if "__init__" not in vars(kind):
            kind.__init__ = _first_init(kind, names)
        for name, method in (("__eq__", _is_equal), ("__hash__", _hash), ("__repr__", _describe)):
            if vars(kind).get(name) is None:
                setattr(kind, name, method)
        return kind


def _first_init(kind: "Any", names: tuple[str, ...]) -> "Callable[..., None]":
    """An `__init__` that makes the real one at its first call: most commands use few classes."""

    def first(self: object, *args: object, **fields: object) -> None:
        kind.__init__ = _init_of(kind, names)
        kind.__init__(self, *args, **fields)

    return first


def _init_of(kind: type, names: tuple[str, ...]) -> "Any":
    """An `__init__` that sets each field from a parameter of its name.

    Text is compiled for it, because a loop over the fields takes several times as long for each
    value that is made.
    """
    defaults: dict[str, object] = {}
    parameters: list[str] = []
    lines: list[str] = []
    for name in names:
        given = name
        if hasattr(kind, name):
            default = getattr(kind, name)
            parameters.append(f"{name}=_d_{name}")
            defaults[f"_d_{name}"] = default
            if isinstance(default, _Factory):
                given = f"_d_{name}.make() if {name} is _d_{name} else {name}"
        else:
            parameters.append(name)
        lines.append(f" self.{name} = {given}")
    text = f"def __init__(self, {', '.join(parameters)}):\n" + ("\n".join(lines) or " pass")
    exec(text, defaults)  # noqa: S102 - made of the names of fields alone
    return defaults["__init__"]


def _is_equal(self: object, other: object) -> bool:
    return type(self) is type(other) and vars(self) == vars(other)


def _hash(self: object) -> int:
    return hash(tuple(vars(self).values()))


def _describe(self: object) -> str:
    fields = ", ".join(f"{name}={field!r}" for name, field in vars(self).items())
    return f"{type(self).__qualname__}({fields})"


def replace(original: "T", **changes: object) -> "T":
    """A value like another, with some fields changed."""
    return type(original)(**{**vars(original), **changes})


def as_dict(original: object) -> "dict[str, object]":
    """A value as a dict of its fields; the values in these likewise."""
    return {name: _plain(found) for name, found in vars(original).items()}


def _plain(found: "Any") -> object:
    match found:
        case dict():
            return {key: _plain(one) for key, one in found.items()}  # pyright: ignore
        case list() | tuple():
            return type(found)(_plain(one) for one in found)  # pyright: ignore
        case _:
            return as_dict(found) if hasattr(found, "__match_args__") else found
