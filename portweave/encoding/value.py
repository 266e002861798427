"""Pure. Values: classes whose instances never change after they were made."""

import dataclasses
from typing import TypeVar, dataclass_transform

T = TypeVar("T")


@dataclass_transform(frozen_default=True, field_specifiers=(dataclasses.field,))
def value(kind: type[T]) -> type[T]:
    """Make a class a value class.

    To type checkers it is frozen. At run time it is a plain dataclass with one generated method,
    `__init__`. A dataclass compiles each method: all of them, for sixty classes, take as long as
    starting twenty services.
    """
    made = dataclasses.dataclass(eq=False, repr=False)(kind)
    made.__eq__ = _is_equal  # type: ignore[method-assign]
    made.__hash__ = _hash  # type: ignore[method-assign]
    made.__repr__ = _describe  # type: ignore[method-assign]
    return made


def _is_equal(self: object, other: object) -> bool:
    return type(self) is type(other) and vars(self) == vars(other)


def _hash(self: object) -> int:
    return hash(tuple(vars(self).values()))


def _describe(self: object) -> str:
    fields = ", ".join(f"{name}={field!r}" for name, field in vars(self).items())
    return f"{type(self).__qualname__}({fields})"


def replace(original: T, **changes: object) -> T:
    """A copy of a value with some fields changed."""
    return dataclasses.replace(original, **changes)  # type: ignore[type-var]  # pyright: ignore
