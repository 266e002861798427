"""Pure. Which texts of a definition file are secrets, and how an export refers to them."""

import re
from collections.abc import Mapping

from portweave.exports.model import Hidden
from portweave.supervisor.reporting.redact import HIDDEN, USERINFO, hide_literals, is_secret

# An address with the port of a service is no secret, even if the service is called `auth`.
_ADDRESS = re.compile(
    r"(?:[a-z][a-z0-9+.-]*://|(?:127\.0\.0\.1|localhost):)[^@?\s]*\$\{[^}]+\}[^@?\s]*",
    re.IGNORECASE,
)
# `--password TEXT` in a shell command.
_OPTION = re.compile(r"(?<!\S)(-[\w-]+)(\s+)(\S+)")


def hidden_variable(name: str, template: str, text: str, *, may_split: bool) -> Hidden | None:
    """Return the reference for a variable with a secret; None for a variable without one.

    Args:
        name: Its name.
        template: Its value in the definition file.
        text: Its value in the export.
        may_split: Whether the export can put a secret into a longer text.
    """
    if not is_secret(name, text) or _ADDRESS.fullmatch(template):
        return None
    found = list(USERINFO.finditer(text)) if may_split else []
    if len(found) != 1:
        return Hidden(name)
    start, end = found[0].span(1)
    return Hidden(f"{name}_PASSWORD", text[:start], text[end:])


def with_distinct_keys(
    hidden: Mapping[str, Mapping[str, Hidden]], values: Mapping[str, Mapping[str, str]]
) -> dict[str, dict[str, Hidden]]:
    """Return references whose keys differ where the values of two services differ.

    Args:
        hidden: Service to variable to reference.
        values: Service to variable to value.
    """
    texts: dict[str, set[str]] = {}
    for service, variables in hidden.items():
        for name, one in variables.items():
            texts.setdefault(one.key, set()).add(_secret_of(one, values[service][name]))
    return {
        service: {
            name: one
            if len(texts[one.key]) == 1
            else Hidden(f"{_word(service)}_{one.key}", one.before, one.after)
            for name, one in variables.items()
        }
        for service, variables in hidden.items()
    }


def _secret_of(hidden: Hidden, text: str) -> str:
    return text.removeprefix(hidden.before).removesuffix(hidden.after)


def _word(service: str) -> str:
    word = re.sub(r"[^A-Z0-9]+", "_", service.upper()).strip("_")
    return word if word[:1].isalpha() else f"S_{word}"


def without_secrets(words: tuple[str, ...], secrets: Mapping[str, str]) -> tuple[str, ...]:
    """Mask secrets in the words of a command.

    Args:
        words: The command.
        secrets: Variables whose values are secrets.
    """
    found = [hide_literals(word, secrets) for word in words]
    for index, word in enumerate(found):
        before = found[index - 1] if index else ""
        if before.startswith("-") and " " not in before and _is_literal(before, word):
            found[index] = HIDDEN
        else:
            found[index] = _OPTION.sub(_mask_option, word)
    return tuple(found)


def _mask_option(match: re.Match[str]) -> str:
    option, gap, text = match.groups()
    return f"{option}{gap}{HIDDEN}" if _is_literal(option, text) else match[0]


def _is_literal(option: str, text: str) -> bool:
    is_other = text.startswith(("-", "$", "`", '"$', HIDDEN))
    return "=" not in option and not is_other and is_secret(option, text)
