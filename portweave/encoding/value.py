"""Pure. Values: classes of fields that are made once and never changed."""

import dataclasses
from typing import TypeVar, dataclass_transform

T = TypeVar("T")


@dataclass_transform(frozen_default=True, field_specifiers=(dataclasses.field,))
def value(kind: type[T]) -> type[T]:
    """Make a class one of values.

    To type checkers it is frozen. At run time it is a plain dataclass, and of the methods that a
    dataclass has made for it, each by a run of the compiler, it only has `__init__`: all of them,
    for sixty classes, take as long as to start twenty services.
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
    """A value like another, with some fields changed."""
    return dataclasses.replace(original, **changes)  # type: ignore[type-var]  # pyright: ignore
