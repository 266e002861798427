"""Values: classes of fields that are made once and never changed."""

import dataclasses
from typing import TypeVar, dataclass_transform

T = TypeVar("T")


@dataclass_transform(frozen_default=True, field_specifiers=(dataclasses.field,))
def value(kind: type[T]) -> type[T]:
    """Make a class one of values.

    To type checkers it is frozen. At run time it is a plain dataclass: to freeze forty classes, and
    to give them slots, takes as long as to start fifteen services.
    """
    made = dataclasses.dataclass(kind)
    # One for all, where a frozen dataclass has one of its own made.
    made.__hash__ = _hash  # type: ignore[method-assign]
    return made


def _hash(self: object) -> int:
    return hash(tuple(vars(self).values()))


def replace(original: T, **changes: object) -> T:
    """A value like another, with some fields changed."""
    return dataclasses.replace(original, **changes)  # type: ignore[type-var]  # pyright: ignore
