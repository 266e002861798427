"""Pure. Templates: `${service}`, `${pw:field}` and `${namespace}`.

A placeholder is `${`, one or more characters other than `}`, and `}`. Placeholders do not nest, and
their values are not expanded again. In `environment` and `ready.http` (`escapes`), `$$` gives `$`.
In `discoveryEnv`, `$$` stays, as in npm portweave. Any other `$` stays.
"""

from portweave import errors

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

FIELDS = ("gitCommonDir", "namespace", "worktreeRoot")


class Values:
    """The values of placeholders; call it with a placeholder's name.

    Args:
        ports: Service name to its allocated port.
        namespace: The worktree's namespace.
        git_common_dir: An absolute path; None outside git, where the field is empty.
        worktree_root: An absolute path.
    """

    __slots__ = ("_fields", "_ports", "namespace")

    def __init__(
        self,
        ports: "Mapping[str, int]",
        *,
        namespace: str,
        git_common_dir: str | None,
        worktree_root: str,
    ) -> None:
        self.namespace = namespace
        self._ports = ports
        self._fields = {
            "pw:gitCommonDir": git_common_dir or "",
            "pw:namespace": namespace,
            "pw:worktreeRoot": worktree_root,
        }

    def __call__(self, name: str) -> str | None:
        """The value of a placeholder; None for an unknown one."""
        if name == "namespace":
            return self.namespace
        if name.startswith("pw:"):
            return self._fields.get(name)
        port = self._ports.get(name)
        return None if port is None else str(port)


def expand(template: str, values: "Callable[[str], str | None]", *, escapes: bool) -> str:
    """Replace placeholders by their values.

    Args:
        template: A text with placeholders.
        values: Returns a placeholder's value, None for an unknown one: `Values`, or a function.
        escapes: Whether `$$` gives `$`. True for `environment` and `ready.http`, False for
            `discoveryEnv`.

    Raises:
        PlaceholderError: A placeholder is unknown.
    """
    if "$" not in template:
        return template
    parts: list[str] = []
    for text, is_placeholder in split(template, escapes=escapes):
        if not is_placeholder:
            parts.append(text)
            continue
        value = values(text)
        if value is None:
            raise errors.PlaceholderError(template, text)
        parts.append(value)
    return "".join(parts)


def placeholders(template: str, *, escapes: bool) -> list[str]:
    """The placeholders' names in a template from left to right, with repeats.

    With `escapes`, `${}` is a placeholder without a name. Without it, `${}` is text.
    """
    if "$" not in template:
        return []
    return [text for text, is_placeholder in split(template, escapes=escapes) if is_placeholder]


def split(template: str, *, escapes: bool) -> list[tuple[str, bool]]:
    """Split a template into (text, False) and (placeholder's name, True), in order."""
    parts: list[tuple[str, bool]] = []
    position = 0
    while True:
        dollar = template.find("$", position)
        follower = template[dollar + 1 : dollar + 2] if dollar >= 0 else ""
        if not follower:
            parts.append((template[position:], False))
            return parts
        end = template.find("}", dollar) if follower == "{" else -1
        if follower == "$" and escapes:
            parts.append((template[position : dollar + 1], False))
            position = dollar + 2
        elif end > dollar + 2 or (end > 0 and escapes):
            parts.append((template[position:dollar], False))
            parts.append((template[dollar + 2 : end], True))
            position = end + 1
        else:
            parts.append((template[position : dollar + 1], False))
            position = dollar + 1
