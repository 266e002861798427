"""Reads the beginning of a script file, to look for a variable in it."""

import os
import stat

# What executables begin with (elf(5), and Mach-O in both byte orders).
_EXECUTABLE = (b"\x7fELF", b"\xcf\xfa\xed\xfe", b"\xce\xfa\xed\xfe", b"\xca\xfe\xba\xbe")


def beginning_of(path: str, most_bytes: int) -> bytes | None:
    """The first bytes of a regular file that is no executable; None where it is not that."""
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):
            return None
        # It may have become a FIFO meanwhile, which is not waited for.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    except (OSError, ValueError):
        return None
    try:
        text = os.read(descriptor, most_bytes)
    except OSError:
        return None
    finally:
        os.close(descriptor)
    return None if text.startswith(_EXECUTABLE) else text
