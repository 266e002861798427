"""Pure. Options of a cluster: values by name. Dots in names lead into mappings.

A name with blanks, such as `case sensitive routing`, is the same as `case_sensitive_routing`.
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
# The default.
TIMEOUT_S = 30.0
CONCURRENCY = 64
QUEUE = 1024
# A longer time, some 30 years, is a mistake.
MOST_S = 1e9
MOST_NUMBER = 2**31 - 1
_MISSING = object()


def canonical(name: str) -> str:
    """The usual spelling of an option's name."""
    return _SPELLINGS.get(name, name)


class Options:
    """The options of a cluster or a connection. Unknown names are the user's own variables."""

    def __init__(self, values: Mapping[str, object] | None = None) -> None:
        self.values: dict[str, Any] = {}
        self.update(values or {})

    def update(self, values: Mapping[str, object], *, overwrite: bool = True) -> None:
        """Set several options.

        Args:
            values: Values by name.
            overwrite: Whether to change options that are set already.
        """
        for name, value in values.items():
            self.set(name, value, overwrite=overwrite)

    def set(self, name: str, value: object, *, overwrite: bool = True) -> None:
        """Set one option. A name with dots makes the mappings that it needs.

        Args:
            name: The option.
            value: The value.
            overwrite: Whether to change an option that is set already.
        """
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
        """The value of an option; `default` if there is none. A stored None is a value."""
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
        """Set an option to True."""
        self.set(name, True)

    def disable(self, name: str) -> None:
        """Set an option to False."""
        self.set(name, False)

    def enabled(self, name: str) -> bool:
        """Whether an option's value is true."""
        return bool(self.get(name))

    def disabled(self, name: str) -> bool:
        """Whether an option's value is false, or missing."""
        return not self.get(name)


def check_number(
    found: object, name: str, default: int, least: int, most: int = MOST_NUMBER
) -> int:
    """Check a whole number.

    Args:
        found: The option's value; None for the default.
        name: The option.
        default: The default.
        least: The smallest allowed number.
        most: The largest allowed number.

    Raises:
        ConfigError: It is no whole number, too small or too large.
    """
    if found is None:
        return default
    if not isinstance(found, int) or isinstance(found, bool) or found < least:
        raise ConfigError(f"{name} must be a whole number from {least} on, not {found!r}")
    if found > most:
        raise ConfigError(f"{name} must be at most {most}, not {found!r}")
    return found


def check_text(found: object, name: str, what: str) -> str:
    """Check a text that can be passed to another program.

    Args:
        found: The option's value.
        name: The option.
        what: What it should be, in words.

    Raises:
        ConfigError: It is something else.
    """
    as_path = getattr(type(found), "__fspath__", None)
    text = as_path(found) if as_path else found
    if not isinstance(text, str) or "\0" in text:
        raise ConfigError(f"{name} must be {what}, not {found!r}")
    return text


def check_seconds(found: object, name: str) -> float | None:
    """Check a time in seconds above 0; None means no limit.

    Raises:
        ConfigError: It is something else.
    """
    if found is None or (is_seconds(found) and found):
        return cast("float | None", found)
    raise ConfigError(f"{name} must be a number of seconds above 0, or None, not {found!r}")


def is_seconds(found: object) -> bool:
    """Whether a value is a number of seconds, 0 or more."""
    return type(found) in (int, float) and 0 <= cast("float", found) <= MOST_S


def check_flag(found: object, name: str, *, default: bool) -> bool:
    """Check for True or False; None means the default.

    Args:
        found: The option's value.
        name: The option.
        default: The default.

    Raises:
        ConfigError: It is something else.
    """
    if found is None:
        return default
    if not isinstance(found, bool):
        raise ConfigError(f"{name} must be True or False, not {found!r}")
    return found


def check_name(name: object) -> str:
    """Check the name of a connection.

    Raises:
        ConfigError: It cannot be a name.
    """
    if not isinstance(name, str) or not is_name(name):
        raise ConfigError(
            f"{name!r} cannot be the name of a connection",
            hint="a name is text without slashes and control characters; $ and @ cannot begin it",
        )
    return name


def check_words(words: Iterable[object], name: str) -> tuple[str, ...]:
    """Check a command: a list of texts.

    Raises:
        ConfigError: It is something else, or empty.
    """
    found = tuple(words)
    if not found or not all(isinstance(word, str) and "\0" not in word for word in found):
        raise ConfigError(f"the command of {name} must be a list of texts")
    if not found[0]:
        raise ConfigError(f"the command of {name} begins with an empty text")
    return cast("tuple[str, ...]", found)
