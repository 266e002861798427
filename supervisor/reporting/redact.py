"""Pure. What an environment holds that nobody is to read in a log of ours."""

import re
from collections.abc import Iterator, Mapping

HIDDEN = "***"
# Shorter ones are part of too many words to be taken out of a text.
_SHORTEST = 6
# A `PWD` on its own is the folder (environ(7)), and an author is nobody's authority.
_TELLING = re.compile(
    r"secret|token|passw|passphrase|credential|(?:api|private|access|signing|encryption)_?key"
    r"|auth(?!or(?!i))|(?:^|_)(?:key|dsn)$|_pwd$",
    re.IGNORECASE,
)
# RFC 3986, section 3.2.1: the password of a URL.
_USERINFO = re.compile(r"://[^/\s:@]*:([^/\s@]+)@")


def hide(text: str, environment: Mapping[str, str]) -> str:
    """A text without the secrets of an environment, and without passwords in URLs."""
    if not text:
        return text
    for secret in sorted(set(_secrets(environment)), key=len, reverse=True):
        text = text.replace(secret, HIDDEN)
    return _USERINFO.sub(lambda match: match[0].replace(f":{match[1]}@", f":{HIDDEN}@"), text)


def masked(environment: Mapping[str, str]) -> dict[str, str]:
    """An environment to be looked at: without the values whose names tell of a secret."""
    return {
        name: HIDDEN if text and _TELLING.search(name) else hide(text, environment)
        for name, text in environment.items()
    }


def _secrets(environment: Mapping[str, str]) -> Iterator[str]:
    for name, value in environment.items():
        if len(value) >= _SHORTEST and _TELLING.search(name):
            yield value
        if "://" in value:
            yield from (found for found in _USERINFO.findall(value) if len(found) >= _SHORTEST)
