"""Pure. The template of a printed line: the line without what differs each time it is printed.

Two lines with one template say the same. Times, durations, numbers, hexadecimal numbers and the
folders of absolute paths are replaced. The name of a file stays: an error in another file is
another error.
"""

import re

_LONGEST = 200
_TIME = re.compile(
    r"\b\d{4}[-/]\d\d[-/]\d\d(?:[T ,]+\d\d:\d\d(?::\d\d)?(?:[.,]\d+)?(?:Z|[+-]\d\d:?\d\d)?)?"
    r"|\b\d{1,2}:\d\d:\d\d(?:[.,]\d+)?(?:\s?[AP]M)?\b",
    re.IGNORECASE,
)
_HEX = re.compile(
    r"\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b|\b0x[0-9a-f]+\b"
    # Eight letters from a to f may be a word; with a digit among them they are a digest.
    r"|\b(?=[a-f]*\d)[0-9a-f]{8,}\b",
    re.IGNORECASE,
)
_FOLDERS = re.compile(r"(?<![\w./:-])(?:file://)?/(?:[^\s/:'\"()\[\]]+/)+")
_NUMBER = re.compile(r"\d+(?:[.,]\d+)*")
_SPACE = re.compile(r"\s+")


def template_of(line: str) -> str:
    """The template of a line without escape sequences, of 200 characters at most."""
    text = _TIME.sub("<time>", line.strip()[: 4 * _LONGEST])
    text = _FOLDERS.sub("/", text)
    text = _HEX.sub("<hex>", text)
    return _SPACE.sub(" ", _NUMBER.sub("#", text))[:_LONGEST]
