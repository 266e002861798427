"""Print where the values of variables come from: `env --explain`."""

import sys

from portweave.client.verb_queries import say
from portweave.encoding.json_text import pretty, quote
from portweave.encoding.table_columns import Column
from portweave.encoding.text_style import Span
from portweave.encoding.value import value
from portweave.errors import UsageError
from portweave.planning.environment_layers import merged, origins
from portweave.planning.variable_places import VariablePlaces
from portweave.supervisor.reporting.redact import HIDDEN, masked

TYPE_CHECKING = False  # `typing` costs as much as the work
if TYPE_CHECKING:
    from portweave.arguments.args import Args
    from portweave.planning.allocation import AllocatedProject
    from portweave.planning.environment_layers import Layer

# Variables that the supervisor adds. They identify its processes, and itself to them.
_OF_A_START = ("PORTWEAVE_INVOCATION", "PORTWEAVE_SOCKET", "PORTWEAVE_TOKEN")
_COLUMNS = (Column("NAME"), Column("VALUE", elastic=True), Column("FROM", elastic=True))
# The longest value in a table of all variables on a terminal, in characters.
_LONGEST_VALUE = 200


@value
class _Value:
    """A value and its origin.

    Attributes:
        text: The value; it has `***` in place of a secret.
        source: The source of its layer.
        place: File and line; None if it is in no file.
        is_hidden: Whether the text lacks a secret.
    """

    text: str
    source: str
    place: tuple[str, int] | None
    is_hidden: bool

    @property
    def origin(self) -> str:
        """The file and line, or the layer without a file."""
        if self.place is None:
            return self.source
        where = f"{self.place[0]}:{self.place[1]}"
        return f"computed, {where}" if self.source == "computed" else where

    def as_json(self) -> dict[str, object]:
        """Return the value as a JSON object."""
        found: dict[str, object] = {"value": self.text, "source": self.source}
        if self.is_hidden:
            found["hidden"] = True
        if self.place is not None:
            found["file"], found["line"] = self.place
        return found


def explain_layers(
    layers: "list[Layer]",
    allocated: "AllocatedProject",
    instance: str | None,
    key: str | None,
    args: "Args",
) -> None:
    """Print the origin of each variable, and the values that it hides.

    Args:
        layers: The layers of the environment, the lowest first.
        allocated: The worktree with its ports.
        instance: The instance with the environment; None for variables that all services share.
        key: The only variable to print; None for all.
        args: The command line.

    Raises:
        UsageError: There is no such variable.
    """
    found = origins(layers)
    if key is not None and key not in found:
        raise _unknown(key, instance)
    project = allocated.project
    service = None if instance is None else project.instances()[instance][0]
    places = VariablePlaces(project, service)
    is_shown = args.flag("show_secrets")
    secrets = masked(merged(layers)) if not is_shown else {}

    def value_of(name: str, text: str, source: str) -> _Value:
        shown = text
        if not is_shown:
            # A value that a secret hides is a secret, too.
            is_secret = secrets[name] == HIDDEN
            shown = HIDDEN if is_secret and text else masked({name: text})[name]
        return _Value(shown, source, places.place(source, name), shown != text)

    explained = {
        name: [
            value_of(name, origin.value, origin.source),
            *(value_of(name, text, source) for source, text in origin.hides),
        ]
        for name, origin in found.items()
        if key is None or name == key
    }
    if args.flag("json"):
        _print_json(explained, instance)
    elif sys.stdout.isatty():
        _draw(explained, is_cut=key is None, no_color=args.flag("no_color"))
    else:
        for name, values in explained.items():
            for number, one in enumerate(values):
                cells = ("" if number else name, _one_line(one.text), one.origin)
                sys.stdout.write("\t".join(cells) + "\n")
    values = [one for each in explained.values() for one in each]
    if not args.flag("json") and any(one.is_hidden for one in values):
        say("*** stands for a secret: --show-secrets prints it")


def _unknown(key: str, instance: str | None) -> UsageError:
    if instance is not None and key in _OF_A_START:
        return UsageError(
            f"{key} is new for each start of {instance}, and only the service sees it"
        )
    where = f"the environment of {instance}" if instance else "what all services share"
    hint = "portweave env SERVICE --explain shows all that a service finds"
    return UsageError(f"{key} is not in {where}", hint=() if instance else hint)


def _print_json(explained: dict[str, list[_Value]], instance: str | None) -> None:
    variables = {
        name: {**first.as_json(), "hides": [one.as_json() for one in others]}
        for name, (first, *others) in explained.items()
    }
    fields = {"schemaVersion": 1, "service": instance, "variables": variables}
    sys.stdout.write(pretty(fields) + "\n")


def _draw(explained: dict[str, list[_Value]], *, is_cut: bool, no_color: bool) -> None:
    from portweave.cli.terminal_drawing import Drawing

    def shown(text: str) -> str:
        line = _one_line(text)
        too_long = is_cut and len(line) > _LONGEST_VALUE
        return f"{line[: _LONGEST_VALUE - 1]}…" if too_long else line

    rows = [
        (
            (name, shown(first.text), Span(first.origin, "dim")),
            [(Span(f"hides {shown(one.text)} from {one.origin}", "dim"),) for one in others],
        )
        for name, (first, *others) in explained.items()
    ]
    Drawing(no_color=no_color).table(_COLUMNS, rows)


def _one_line(text: str) -> str:
    """Return a value on one line, with escapes if needed."""
    return text if text.isprintable() and text == text.strip() else quote(text)
