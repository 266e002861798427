"""Pure. A section of portweave's own in a text file of the user, between two marks.

The first mark has a digest of the section. So a later version of portweave sees whether the user
has edited the section, and leaves it alone then.
"""

from hashlib import blake2b

from portweave.encoding.value import value

_BEGIN = "portweave:begin"
_END = "portweave:end"


@value
class Comment:
    """How a file format writes a comment of one line.

    Attributes:
        before: What begins it.
        after: What ends it; empty for the end of the line.
    """

    before: str
    after: str = ""


MARKDOWN = Comment("<!-- ", " -->")
HASH = Comment("# ")


@value
class Found:
    """A section that a text has.

    Attributes:
        start: Where its first mark begins.
        end: Where the line of its last mark ends.
        body: What is between the marks.
        is_edited: Whether the body differs from what portweave wrote.
    """

    start: int
    end: int
    body: str
    is_edited: bool


def digest_of(body: str) -> str:
    """Return the digest of a text, whatever its line ends are."""
    return blake2b(body.replace("\r\n", "\n").encode(), digest_size=4).hexdigest()


def find_section(text: str, comment: Comment) -> Found | None:
    """Find the section of portweave in a text; None if it has none, or only one of the marks."""
    opening, closing = f"{comment.before}{_BEGIN}", f"{comment.before}{_END}{comment.after}"
    start = text.find(opening)
    while start > 0 and text[start - 1] != "\n":
        start = text.find(opening, start + 1)
    if start < 0:
        return None
    line_end = text.find("\n", start)
    last = text.find(f"\n{closing}", max(line_end - 1, start))
    if line_end < 0 or last < 0:
        return None
    body = text[line_end + 1 : last + 1]
    end = last + 1 + len(closing)
    end += len(text[end:]) - len(text[end:].lstrip("\r"))
    end += text[end : end + 1] == "\n"
    said = text[start + len(opening) : line_end].strip().removesuffix(comment.after).strip()
    return Found(start, end, body, said != digest_of(body))


def put_section(text: str, body: str, comment: Comment) -> str:
    """Return a text with the section: in the place of the one that it has, otherwise at the end.

    Args:
        text: The text.
        body: The section, which ends with a line end.
        comment: How the format writes comments.
    """
    section = (
        f"{comment.before}{_BEGIN} {digest_of(body)}{comment.after}\n"
        f"{body}{comment.before}{_END}{comment.after}\n"
    )
    if "\r\n" in text:
        section = section.replace("\n", "\r\n")
    found = find_section(text, comment)
    if found is not None:
        return text[: found.start] + section + text[found.end :]
    line_end = "\r\n" if "\r\n" in text else "\n"
    if text and not text.endswith("\n"):
        text += line_end
    return text + (line_end if text else "") + section


def drop_section(text: str, comment: Comment) -> str:
    """Return a text without the section, and without the empty line before it."""
    found = find_section(text, comment)
    if found is None:
        return text
    before, after = text[: found.start], text[found.end :]
    if not after and before.endswith(("\n\n", "\n\r\n")):
        before = before[:-2] if before.endswith("\r\n") else before[:-1]
    return before + after
