r"""Pure. Path patterns: which paths a route matches, and the parameters in them.

| pattern | matches |
|---|---|
| `users` | `users` and all below it, `users/7/name`; with `exact`, nothing below |
| `:id` | one part; `:id?` may be missing; `:id+` and `:id*` take several |
| `:id(\d+)` | one part that the regular expression matches |
| `:name.:ext` | two in one part |
| `*`, `(a|b)` | any text; one of these: found under 0, 1, ... |

A slash at either end never matters. Parameters are percent-decoded.
"""

import re
from collections.abc import Iterable, Mapping

from portweave.calls.address import literal, value

Key = str | int

_TOKEN = re.compile(
    r"""\\(?P<escaped>.)
    | (?P<slash>/)? (?:
        :(?P<name>[A-Za-z_][A-Za-z0-9_]*) (?P<own>\((?:\\.|[^\\()]|\((?:\\.|[^\\()])*\))+\))?
      | (?P<group>\((?:\\.|[^\\()]|\((?:\\.|[^\\()])*\))+\))
      ) (?P<many>[?+*])?
    | (?P<star>\*)""",
    re.VERBOSE,
)
_CAPTURING = re.compile(r"(?<!\\)\((?!\?)")
_SPECIAL = re.compile(r"[:*()\\]")
_EDGE = "(?=/|$)"


class Match:
    """A match at the beginning of a path.

    Attributes:
        end: Where the matched part ends.
        params: Parameters by name, or by number.
    """

    __slots__ = ("end", "params")

    def __init__(self, end: int, params: dict[Key, str]) -> None:
        self.end = end
        self.params = params


class Pattern:
    """A compiled path pattern.

    Args:
        path: A pattern, a compiled regular expression, or several of them. The first match counts.
        exact: Whether to match no paths below.
        case_sensitive: Whether `A` and `a` differ. A compiled expression has its own flag.

    Raises:
        ValueError: A pattern cannot be read.
    """

    def __init__(
        self,
        path: "str | re.Pattern[str] | Iterable[str | re.Pattern[str]]",
        *,
        exact: bool = False,
        case_sensitive: bool = True,
    ) -> None:
        paths = [path] if isinstance(path, (str, re.Pattern)) else list(path)
        self._exact = exact
        self._choices = [_compile(one, exact, case_sensitive) for one in paths]
        # Most patterns match every path, or are plain text.
        self._takes_all = not exact and len(paths) == 1 and paths[0] in ("", "/")
        self._plain = ""
        if len(paths) == 1 and isinstance(paths[0], str) and case_sensitive:
            plain = paths[0].strip("/")
            self._plain = literal(plain) if not _SPECIAL.search(plain) else ""

    def match(self, path: str) -> Match | None:
        """The match in a normal path without a leading slash; None if there is none."""
        if self._takes_all:
            return Match(0, {})
        if self._plain:
            return self._match_plain(path)
        slashed = f"/{path}"
        for expression, keys, slash in self._choices:
            found = expression.match(slashed if slash else path)
            if found is None:
                continue
            end = max(0, found.end() - slash)
            if not self._is_at_edge(path, end):
                continue
            params: dict[Key, str] = {}
            for key, text in zip(keys, found.groups(), strict=True):
                if text is not None:
                    params[key] = value(text)
            return Match(end, params)
        return None

    def _match_plain(self, path: str) -> Match | None:
        end = len(self._plain)
        if path == self._plain:
            return Match(end, {})
        if (
            path.startswith(self._plain)
            and path[end] == "/"
            and not (self._exact and path[end + 1 :])
        ):
            return Match(end, {})
        return None

    def _is_at_edge(self, path: str, end: int) -> bool:
        rest = path[end:]
        if self._exact:
            return rest in ("", "/")
        return not rest or rest[0] == "/" or end == 0 or path[end - 1] == "/"


def _compile(
    path: "str | re.Pattern[str]", exact: bool, case_sensitive: bool
) -> tuple[re.Pattern[str], tuple[Key, ...], int]:
    """The expression, the names of its groups, and how many slashes to put before a path."""
    keys: tuple[Key, ...]
    if isinstance(path, re.Pattern):
        names: Mapping[int, str] = {number: name for name, number in path.groupindex.items()}
        numbers = iter(range(path.groups))
        keys = tuple(
            names[index] if index in names else next(numbers) for index in range(1, path.groups + 1)
        )
        return path, keys, 0
    # With a leading slash, which an optional first part includes.
    source, keys = _translate(f"/{plain}" if (plain := path.strip("/")) else "")
    edge = "/?$" if exact else _EDGE
    try:
        flags = re.NOFLAG if case_sensitive else re.IGNORECASE
        return re.compile(f"{source}{edge}" if source else edge, flags), keys, 1
    except re.error as error:
        raise ValueError(f"the pattern {path!r} cannot be read: {error}") from None


def _translate(path: str) -> tuple[str, tuple[Key, ...]]:
    source: list[str] = []
    keys: list[Key] = []
    unnamed = 0
    at = 0
    while at < len(path):
        token = _TOKEN.match(path, at)
        if token is None:
            if path[at] in "()":
                raise ValueError(f"the pattern {path!r} has a {path[at]} that stands alone")
            source.append(re.escape(literal(path[at])))
            at += 1
            continue
        at = token.end()
        if token["escaped"] is not None:
            source.append(re.escape(literal(token["escaped"])))
            continue
        name = token["name"]
        if name is None:
            keys.append(unnamed)
            unnamed += 1
        else:
            keys.append(name)
        if token["star"] is not None:
            source.append("(.*)")
            continue
        own = token["own"] or token["group"]
        one = "[^/]+?" if own is None else _without_captures(own[1:-1])
        source.append(_repeated(one, token["slash"] or "", token["many"]))
    return "".join(source), tuple(keys)


def _repeated(one: str, slash: str, many: str | None) -> str:
    if many is None:
        return f"{slash}({one})"
    several = f"(?:{one})(?:/(?:{one}))*" if many in "+*" else one
    # An optional part includes the slash before it.
    return f"(?:{slash}({several}))" + ("?" if many in "?*" else "")


def _without_captures(source: str) -> str:
    return _CAPTURING.sub("(?:", source)
