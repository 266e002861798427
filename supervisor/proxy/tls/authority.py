"""The local certificate authority of a state folder: read it, or make it once."""

import datetime
import os
from collections.abc import Generator
from contextlib import contextmanager
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

# Making an authority takes milliseconds.
_LOCK_S = 10.0
_PAUSE_S = 0.01


def check_libraries() -> None:
    """Check that the libraries for HTTPS are installed.

    Raises:
        TlsMissingError: One is missing.
    """
    for name in ("cryptography", "h2"):
        if find_spec(name) is None:
            raise TlsMissingError(f"there is no module {name}")


def open_authority(folder: str) -> "Authority":
    """Read the authority of a state folder; make one if it is missing or expired.

    Args:
        folder: The state folder, which exists.

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

    if not os.path.isdir(folder):
        raise AuthorityError(ca_path(folder), f"there is no folder {folder}")
    try:
        with _locked(folder):
            now = datetime.datetime.now(datetime.UTC)
            found = _read(ca_path(folder)), _read(key_path(folder))
            # A power cut may have left only one of the two files.
            if found[0] and found[1]:
                authority = read_authority(found[0], found[1])
                if not is_over(authority.certificate, now):
                    return authority
            authority = make_authority(_user_and_host(), now)
            save(key_path(folder), pem_of(authority.key), 0o600)
            save(ca_path(folder), pem_of(authority.certificate), 0o644)
    except (OSError, ValueError) as error:
        raise AuthorityError(ca_path(folder), str(error)) from error
    return authority


@contextmanager
def _locked(folder: str) -> Generator[None]:
    """Let one process at a time read and make the authority."""
    from filelock import FileLock, Timeout

    path = f"{folder}/ca.lock"
    lock = FileLock(path, mode=0o600)
    try:
        lock.acquire(timeout=_LOCK_S, poll_interval=_PAUSE_S)
    except Timeout:
        raise AuthorityError(ca_path(folder), f"{path} is held") from None
    try:
        yield
    finally:
        lock.release()


def _read(path: str) -> bytes:
    try:
        return read_all(path)
    except FileNotFoundError:
        return b""


def _user_and_host() -> str:
    """The owner in the authority's name: several users of a machine may each have their own."""
    import pwd

    try:
        user = pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        user = str(os.getuid())
    return f"{user}@{os.uname().nodename}"
