import pytest

from portweave.encoding.marks import ASCII, UNICODE, is_utf8, marks_of


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({"LANG": "en_GB.UTF-8"}, True),
        ({"LANG": "de_DE.utf8"}, True),
        ({"LANG": "de_DE.UTF-8@euro"}, True),
        ({"LANG": "de_DE.ISO-8859-1"}, False),
        ({"LANG": "de_DE"}, False),
        ({"LANG": "en_GB.UTF-8", "LC_ALL": "C"}, False),
        ({"LANG": "C", "LC_ALL": "C.UTF-8"}, True),
        ({"LANG": "en_GB.UTF-8", "LC_CTYPE": "C"}, False),
        ({"LANG": "de_DE", "LC_CTYPE": "de_DE.UTF-8"}, True),
        # As Python changes an environment without a locale, and one with the locale C.
        ({"LC_CTYPE": "C.UTF-8"}, True),
        ({"LANG": "C", "LC_CTYPE": "C.UTF-8"}, False),
        # macOS.
        ({"LC_CTYPE": "UTF-8"}, True),
        ({}, False),
    ],
)
def test_the_locale_decides_about_unicode(environ: dict[str, str], *, expected: bool) -> None:
    assert is_utf8(environ) is expected
    assert marks_of(environ) == (UNICODE if expected else ASCII)


def test_ascii_marks_are_ascii() -> None:
    marks = (ASCII.info, ASCII.good, ASCII.bad, ASCII.warning, ASCII.dot, ASCII.arrow, ASCII.cut)
    assert "".join(marks).isascii()
