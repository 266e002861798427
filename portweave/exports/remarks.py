"""Pure. Remarks: what an exported stack lacks, or does otherwise than `portweave up`."""

from collections.abc import Iterable

from portweave.encoding.value import value

LOST = "lost"
CHANGED = "changed"
INFO = "info"
# More names would fill the screen.
_MOST_NAMES = 12
KINDS = (LOST, CHANGED, INFO)
# Keys of definition files, and parts of a stack that have no key.
KEYS = (
    "calls",
    "command",
    "data",
    "dependsOn",
    "envFile",
    "environment",
    "hooks",
    "image",
    "inherited",
    "profiles",
    "ready",
    "restart",
    "routes",
    "scale",
    "secrets",
    "stopSignal",
    "tty",
    "watch",
    "workingDir",
)


@value
class Remark:
    """One difference between the stack and its export.

    Attributes:
        kind: `lost` (missing there), `changed` (different there) or `info` (something to do).
        key: The key of the setting, one of `KEYS`; `--allow` takes it.
        text: What is different.
        names: The instances or services.
    """

    kind: str
    key: str
    text: str
    names: tuple[str, ...] = ()

    def sentence(self) -> str:
        """Return the names and the text, in one line; of many names the first ones."""
        text = " ".join(self.text.split())
        shown = ", ".join(self.names[:_MOST_NAMES])
        if len(self.names) > _MOST_NAMES:
            shown += f" and {len(self.names) - _MOST_NAMES} others"
        return f"{shown}: {text}" if shown else text

    def line(self) -> str:
        """Return the kind, the key, the names and the text, in one line."""
        return f"{self.kind} ({self.key}): {self.sentence()}"


def merged(remarks: Iterable[Remark]) -> tuple[Remark, ...]:
    """Merge equal remarks about several names, and put the lost settings first."""
    names: dict[tuple[str, str, str], dict[str, None]] = {}
    for one in remarks:
        found = names.setdefault((one.kind, one.key, one.text), {})
        found |= dict.fromkeys(one.names)
    rows = sorted(names.items(), key=lambda row: KINDS.index(row[0][0]))
    return tuple(Remark(kind, key, text, tuple(found)) for (kind, key, text), found in rows)


def lost_keys(remarks: Iterable[Remark], allowed: Iterable[str]) -> list[str]:
    """Return the keys of lost settings, each once, without the allowed ones."""
    accepted = set(allowed)
    keys = [one.key for one in remarks if one.kind == LOST and one.key not in accepted]
    return list(dict.fromkeys(keys))
