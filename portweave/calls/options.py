"""Pure. Options of a cluster: names to values, dots going into mappings.

The names of the original, `case sensitive routing`, stand for ours, `case_sensitive_routing`.
"""

from collections.abc import Iterable, Mapping
from typing import Any, cast

from portweave.calls.address import is_name
from portweave.errors import ConfigError

_SPELLINGS = {
    "module root": "module_root",
    "moduleRoot": "module_root",
    "case sensitive routing": "case_sensitive_routing",
    "caseSensitiveRouting": "case_sensitive_routing",
    "maxConcurrency": "max_concurrency",
    "maxQueue": "max_queue",
    "maxMessage": "max_message",
}
# Where nothing else is said.
TIMEOUT_S = 30.0
CONCURRENCY = 64
QUEUE = 1024
# More is a mistake: some 30 years.
MOST_S = 1e9
MOST_NUMBER = 2**31 - 1
_MISSING = object()


def canonical(name: str) -> str:
    """Our own spelling of an option."""
    return _SPELLINGS.get(name, name)


class Options:
    """What a cluster, or a connection, is set to; unknown names are the user's own variables."""

    def __init__(self, values: Mapping[str, object] | None = None) -> None:
        self.values: dict[str, Any] = {}
        self.update(values or {})

    def update(self, values: Mapping[str, object], *, overwrite: bool = True) -> None:
        """Set many; without `overwrite` only what is not set."""
        for name, value in values.items():
            self.set(name, value, overwrite=overwrite)

    def set(self, name: str, value: object, *, overwrite: bool = True) -> None:
        """Set one; mappings that a name with dots goes through are made."""
        name = canonical(name)
        *path, last = name.split(".")
        place: dict[str, Any] = self.values
        for part in path:
            inner = place.get(part)
            if not isinstance(inner, dict):
                inner = place[part] = {}
            place = cast("dict[str, Any]", inner)
        if overwrite or last not in place:
            place[last] = value

    def get(self, name: str, default: object = None) -> Any:
        """The value; `default` where there is none. A stored None is a value."""
        found: object = self.values
        for part in canonical(name).split("."):
            found = (
                cast("dict[str, object]", found).get(part, _MISSING)
                if isinstance(found, dict)
                else _MISSING
            )
            if found is _MISSING:
                return default
        return found

    def enable(self, name: str) -> None:
        """Set to True."""
        self.set(name, True)

    def disable(self, name: str) -> None:
        """Set to False."""
        self.set(name, False)

    def enabled(self, name: str) -> bool:
        """Whether the value counts as true."""
        return bool(self.get(name))

    def disabled(self, name: str) -> bool:
        """Whether it does not."""
        return not self.get(name)


def check_number(
    found: object, name: str, default: int, least: int, most: int = MOST_NUMBER
) -> int:
    """A whole number.

    Args:
        found: What an option is set to; None for the default.
        name: Of the option.
        default: Where nothing is said.
        least: The smallest that is allowed.
        most: The largest.

    Raises:
        ConfigError: It is something else, too small or too large.
    """
    if found is None:
        return default
    if not isinstance(found, int) or isinstance(found, bool) or found < least:
        raise ConfigError(f"{name} is a whole number from {least} on, not {found!r}")
    if found > most:
        raise ConfigError(f"{name} is at most {most}, not {found!r}")
    return found


def check_text(found: object, name: str, what: str) -> str:
    """A text that another program can be told, or a path.

    Args:
        found: What an option is set to.
        name: Of the option.
        what: It is, in words.

    Raises:
        ConfigError: It is something else.
    """
    as_path = getattr(type(found), "__fspath__", None)
    text = as_path(found) if as_path else found
    if not isinstance(text, str) or "\0" in text:
        raise ConfigError(f"{name} is {what}, not {found!r}")
    return text


def check_seconds(found: object, name: str) -> float | None:
    """A time in seconds that is more than 0; None for any time.

    Raises:
        ConfigError: It is something else.
    """
    if found is None or (is_seconds(found) and found):
        return cast("float | None", found)
    raise ConfigError(f"{name} is a number of seconds above 0, or None, not {found!r}")


def is_seconds(found: object) -> bool:
    """Whether a value is a number of seconds from 0 on."""
    return type(found) in (int, float) and 0 <= cast("float", found) <= MOST_S


def check_flag(found: object, name: str, *, default: bool) -> bool:
    """True or False; None for the default.

    Raises:
        ConfigError: It is something else.
    """
    if found is None:
        return default
    if not isinstance(found, bool):
        raise ConfigError(f"{name} is True or False, not {found!r}")
    return found


def check_name(name: object) -> str:
    """The name of a connection.

    Raises:
        ConfigError: It cannot be one.
    """
    if not isinstance(name, str) or not is_name(name):
        raise ConfigError(
            f"{name!r} cannot be the name of a connection",
            hint="a name is text without a slash and control characters, and does not begin with $",
        )
    return name


def check_words(words: Iterable[object], name: str) -> tuple[str, ...]:
    """A command as a list of texts.

    Raises:
        ConfigError: It is something else, or empty.
    """
    found = tuple(words)
    if not found or not all(isinstance(word, str) and "\0" not in word for word in found):
        raise ConfigError(f"the command of {name} is a list of texts")
    if not found[0]:
        raise ConfigError(f"the command of {name} begins with an empty text")
    return cast("tuple[str, ...]", found)
