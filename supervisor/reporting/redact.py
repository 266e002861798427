"""Pure. Mask secret environment values before they are logged or shown."""

import re
from collections.abc import Iterator, Mapping

HIDDEN = "***"
# Shorter values occur within too many words to be masked in a text.
_SHORTEST = 6
# `PWD` alone is the working folder (environ(7)), and AUTHOR is not AUTHORITY.
_TELLING = re.compile(
    r"secret|token|passw|passphrase|credential|(?:api|private|access|signing|encryption)_?key"
    r"|auth(?!or(?!i))|(?:^|_)(?:key|dsn)$|_pwd$",
    re.IGNORECASE,
)
# RFC 3986, section 3.2.1: the password of a URL.
USERINFO = re.compile(r"://[^/\s:@]*:([^/\s@]+)@")

# Values that are no secrets under any name: numbers of ports, switches.
_PLAIN = re.compile(r"\d{1,5}|true|false|yes|no|on|off", re.IGNORECASE)

# A secret that a program prints by its name (`API_KEY=…`, `"password": "…"`), or as a header. Prose
# such as `unexpected token: x` is none: a name in quotes or an equals sign tells the difference.
_PRINTED = re.compile(
    r"""(?P<head>(?P<name>[\w.-]*)(?:["']\s*[:=]\s*|=)["']?)(?P<text>[^\s"'&,;]{3,})"""
    r"""|(?P<scheme>\b(?:bearer|basic)\s+)(?P<token>[\w.~+/=-]{8,})""",
    re.IGNORECASE,
)


def hide(text: str, environment: Mapping[str, str]) -> str:
    """Mask the secrets of an environment, and passwords in URLs, in a text."""
    if not text:
        return text
    for secret in sorted(set(_secrets(environment)), key=len, reverse=True):
        text = text.replace(secret, HIDDEN)
    return USERINFO.sub(lambda match: match[0].replace(f":{match[1]}@", f":{HIDDEN}@"), text)


def is_secret(name: str, text: str) -> bool:
    """Whether a variable is a secret by its name, or has the password of a URL.

    Numbers of ports and switches are none, whatever the name.
    """
    if not text or _PLAIN.fullmatch(text):
        return False
    return bool(_TELLING.search(name) or USERINFO.search(text))


def hide_literals(text: str, environment: Mapping[str, str]) -> str:
    """Mask what `hide_printed` masks in a command, without references such as `TOKEN=$TOKEN`.

    Args:
        text: A word or a shell command.
        environment: Variables that a secret may come from.
    """
    return _PRINTED.sub(_mask_literal, hide(text, environment))


def _mask_literal(match: re.Match[str]) -> str:
    text = match["text"] or match["token"]
    if text.startswith(("$", "`")) or _PLAIN.fullmatch(text):
        return match[0]
    return _mask_printed(match)


def hide_printed(text: str, environment: Mapping[str, str]) -> str:
    """Mask what `hide` masks, and values that the text itself names as secret.

    Args:
        text: What a program has printed.
        environment: The environment of the program.
    """
    return _PRINTED.sub(_mask_printed, hide(text, environment))


def _mask_printed(match: re.Match[str]) -> str:
    if match["scheme"]:
        return f"{match['scheme']}{HIDDEN}"
    return f"{match['head']}{HIDDEN}" if _TELLING.search(match["name"]) else match[0]


def masked(environment: Mapping[str, str]) -> dict[str, str]:
    """Mask the values of an environment whose names suggest a secret."""
    return {
        name: HIDDEN if text and _TELLING.search(name) else hide(text, environment)
        for name, text in environment.items()
    }


def _secrets(environment: Mapping[str, str]) -> Iterator[str]:
    for name, value in environment.items():
        if len(value) >= _SHORTEST and _TELLING.search(name):
            yield value
            # Messages of errors have one blank for several, and no line ends.
            if len(joined := " ".join(value.split())) >= _SHORTEST:
                yield joined
        if "://" in value:
            yield from (found for found in USERINFO.findall(value) if len(found) >= _SHORTEST)
