"""Errors of the system, and bugs of portweave, in words."""

import errno
import os

import pytest

from portweave.errors import UsageError
from portweave.system.faults import user_error


def refused(number: int, path: str | None = None) -> OSError:
    return OSError(number, os.strerror(number), path)


@pytest.mark.parametrize(
    ("error", "code", "said", "hinted"),
    [
        pytest.param(refused(errno.EMFILE), "PW0506", "Too many open files", "ulimit -n", id="fds"),
        pytest.param(
            refused(errno.EACCES, "/a/b"),
            "PW0506",
            "/a/b: Permission denied",
            "ls -ld",
            id="rights",
        ),
        pytest.param(refused(errno.EROFS, "/a"), "PW0506", "/a: Read-only", "read-only", id="disk"),
        pytest.param(MemoryError(), "PW0506", "no memory left", "", id="memory"),
        pytest.param(UsageError("wrong"), "PW0601", "wrong", "", id="one of ours"),
        pytest.param(KeyError("a"), "PW0507", "a fault: KeyError: 'a'", "--verbose", id="a fault"),
        pytest.param(
            ExceptionGroup("x", [ExceptionGroup("y", [refused(errno.EMFILE)])]),
            "PW0506",
            "Too many open files",
            "ulimit -n",
            id="inside of groups",
        ),
    ],
)
def test_an_error_becomes_words(error: Exception, code: str, said: str, hinted: str) -> None:
    told = user_error(error)
    assert told.code == code
    assert said in told.message
    assert hinted in " ".join(told.hints)
