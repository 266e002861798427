"""Pure. Whether a text is a regular expression; apart, because it needs `re`."""

import re
import warnings


def why_not(text: str) -> str:
    """Why `text` is no regular expression of Python's `re`; "" where it is one."""
    try:
        with warnings.catch_warnings():
            # What will once be an error works for now, and is no business of standard error.
            warnings.simplefilter("ignore")
            re.compile(text)
    except (re.error, OverflowError, RecursionError, ValueError) as error:
        return str(error) or type(error).__name__
    return ""
