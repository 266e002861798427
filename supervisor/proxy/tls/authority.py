"""The local authority of a state folder: read, or made once, whoever asks first."""

import datetime
import fcntl
import os
import time
from importlib.util import find_spec
from typing import TYPE_CHECKING

from portweave.errors import AuthorityError, TlsMissingError
from portweave.supervisor.proxy.tls.ca_files import (
    ca_path,
    key_path,
    save,
)
from portweave.system.files import read_all

if TYPE_CHECKING:
    from portweave.supervisor.proxy.tls.certificates import Authority

# To make one takes milliseconds.
_LOCK_S = 10.0
_PAUSE_S = 0.01


def check_libraries() -> None:
    """See to it that what HTTPS needs is installed.

    Raises:
        TlsMissingError: It is not.
    """
    for name in ("cryptography", "h2"):
        if find_spec(name) is None:
            raise TlsMissingError(f"there is no module {name}")


def open_authority(folder: str) -> "Authority":
    """The authority of a state folder; made where there is none, or its time is over.

    Args:
        folder: It exists.

    Raises:
        AuthorityError: Its files cannot be used.
        TlsMissingError: The libraries for HTTPS are not installed.
    """
    check_libraries()
    from portweave.supervisor.proxy.tls.certificates import (
        is_over,
        make_authority,
        pem_of,
        read_authority,
    )

    lock = _lock(folder)
    try:
        now = datetime.datetime.now(datetime.UTC)
        found = _read(ca_path(folder)), _read(key_path(folder))
        # One without the other is what is left where a power cut came between them.
        if found[0] and found[1]:
            authority = read_authority(found[0], found[1])
            if not is_over(authority.certificate, now):
                return authority
        authority = make_authority(_who(), now)
        save(key_path(folder), pem_of(authority.key), 0o600)
        save(ca_path(folder), pem_of(authority.certificate), 0o644)
    except (OSError, ValueError) as error:
        raise AuthorityError(ca_path(folder), str(error)) from error
    finally:
        os.close(lock)
    return authority


def _lock(folder: str) -> int:
    path = f"{folder}/ca.lock"
    try:
        lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise AuthorityError(ca_path(folder), str(error)) from error
    until_s = time.monotonic() + _LOCK_S
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > until_s:
                os.close(lock)
                raise AuthorityError(ca_path(folder), f"{path} is held") from None
            time.sleep(_PAUSE_S)
        else:
            return lock


def _read(path: str) -> bytes:
    try:
        return read_all(path)
    except FileNotFoundError:
        return b""


def _who() -> str:
    """Whose it is: several users of a machine may each trust their own."""
    import pwd

    try:
        user = pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        user = str(os.getuid())
    return f"{user}@{os.uname().nodename}"
