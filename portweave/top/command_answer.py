"""Pure. What a command of portweave answered: its failure, and an environment."""

import json
import re
from collections.abc import Sequence

from portweave.encoding.json_text import is_object
from portweave.encoding.value import value
from portweave.supervisor.reporting.redact import masked

_OWN = "[portweave] "
_CODE = re.compile(r" \((PW\d{4})\)$")
_MOST_LINES = 6


@value
class Failure:
    """Why a command failed.

    Attributes:
        text: The message.
        code: The code of its error; empty where it has none.
        hints: What to do.
    """

    text: str
    code: str = ""
    hints: tuple[str, ...] = ()


def failure_of(said: Sequence[str], status: int) -> Failure:
    """Return the failure of a command from what it printed to stderr.

    Args:
        said: The lines that it printed.
        status: Its exit status.
    """
    lines = [line.removeprefix(_OWN) for line in said]
    hints = tuple(line.removeprefix("hint: ") for line in lines if line.startswith("hint: "))
    starts = [number for number, line in enumerate(lines) if line.startswith("error: ")]
    if starts:
        # A message may have several lines; the code is at the end of the last one.
        first = starts[-1]
        end = next((n for n in range(first, len(lines)) if lines[n].startswith("hint: ")), None)
        text = "\n".join(lines[first:end]).removeprefix("error: ")
        found = _CODE.search(text)
        return Failure(_CODE.sub("", text), found[1] if found else "", hints)
    rest = [line for line in lines if line.strip() and not line.startswith("hint: ")]
    text = "\n".join(rest[-_MOST_LINES:])
    return Failure(text or f"it ended with status {status} and said nothing", "", hints)


def environment_lines(answer: str) -> list[str] | None:
    """Return the variables of a service as lines, with secret values masked.

    Args:
        answer: The answer of `portweave ask supervisor/environment`.

    Returns:
        The lines, sorted by name; None where the answer is none.
    """
    try:
        data: object = json.loads(answer)
    except ValueError:
        return None
    found = data.get("environment") if is_object(data) else None
    if not is_object(found):
        return None
    shown = masked({name: str(text) for name, text in found.items()})
    return [f"{name}={shown[name]}" for name in sorted(shown)]
