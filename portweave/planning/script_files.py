"""Read the beginning of a script file, to search it for a variable."""

import os
import stat

# The first bytes of executables: elf(5), and Mach-O in both byte orders.
_EXECUTABLE = (b"\x7fELF", b"\xcf\xfa\xed\xfe", b"\xce\xfa\xed\xfe", b"\xca\xfe\xba\xbe")


def beginning_of(path: str, most_bytes: int) -> bytes | None:
    """Read the first bytes of a regular file; None for another file, and for an executable."""
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):
            return None
        # The file may be a FIFO by now: do not wait for a writer.
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
