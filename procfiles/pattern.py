"""Pure. Check regular expressions. A module of its own, because it imports `re`."""

import re
import warnings


def why_not(text: str) -> str:
    """Why `text` is not a valid regular expression of Python's `re`; "" where it is valid."""
    try:
        with warnings.catch_warnings():
            # Syntax that will become an error works now; `re` would warn on standard error.
            warnings.simplefilter("ignore")
            re.compile(text)
    except (re.error, OverflowError, RecursionError, ValueError) as error:
        return str(error) or type(error).__name__
    return ""
