"""Pure. The column of names before the lines of services, with a colour for each service."""

from portweave.encoding.marks import Marks
from portweave.encoding.name_colours import colours_of, service_of
from portweave.encoding.short_names import short_names
from portweave.encoding.text_style import Span
from portweave.supervisor.logs.line_splitter import name_label

TYPE_CHECKING = False  # `typing` costs as much as the work
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


class NameColumn:
    """The labels of instances. Names may be added; the column then gets wider.

    Args:
        names: The instances, in the order of their services' definitions.
        colours: The colours to choose from; empty for none.
        marks: The signs.
        is_short: Whether long names are cut, as on a terminal.
        services: Services in the order of the definitions, where `names` may lack some.

    Attributes:
        width: The width of the names.
    """

    def __init__(
        self,
        names: "Iterable[str]",
        colours: "Sequence[str]",
        marks: Marks,
        *,
        is_short: bool,
        services: "Iterable[str]" = (),
    ) -> None:
        self.width = 0
        self._colours = colours
        self._marks = marks
        self._is_short = is_short
        self._shown: dict[str, str] = {}
        self._services = list(services)
        self._by_service: dict[str, str] = {}
        self._labels: dict[str, bytes] = {}
        self.add(names)

    def add(self, names: "Iterable[str]", services: "Iterable[str]" = ()) -> None:
        """Add instances that have no label yet.

        Args:
            names: The instances.
            services: More services, in the order of the definitions.
        """
        self._services += services
        known = list(dict.fromkeys([*self._shown, *names]))
        if len(known) == len(self._shown):
            return
        self._labels.clear()
        self._shown = dict(zip(known, known, strict=True))
        if self._is_short:
            self._shown = _shortened(known, self._marks.cut)
        self.width = max(map(len, self._shown.values()))
        self._by_service = colours_of([*self._services, *map(service_of, known)], self._colours)

    def shown(self, name: str) -> str:
        """The name of an instance as the column shows it."""
        return self._shown.get(name, name)

    def colour(self, name: str) -> str:
        """The colour of an instance, as parameters of SGR; empty for none."""
        return self._by_service.get(service_of(name), "")

    def head(self, name: str) -> tuple[Span, ...]:
        """What stands before a line of portweave about an instance, up to its sign."""
        self.add((name,))
        return (Span(f"{self.shown(name):<{self.width}} ", "name", self.colour(name)),)

    def label(self, name: str) -> bytes:
        """What stands before each line of an instance."""
        label = self._labels.get(name)
        if label is None:
            self.add((name,))
            label = name_label(self.shown(name), self.width, self.colour(name))
            self._labels[name] = label
        return label


def _shortened(names: "Iterable[str]", mark: str) -> dict[str, str]:
    """Short forms of names. Where a worktree stands before the instance, each of both is cut."""
    parts = {name: name.rpartition(" ") for name in names}
    places = short_names((place for place, _, _ in parts.values()), mark=mark)
    instances = short_names((instance for _, _, instance in parts.values()), mark=mark)
    return {
        name: places[place] + space + instances[instance]
        for name, (place, space, instance) in parts.items()
    }
