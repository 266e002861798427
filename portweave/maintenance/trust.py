"""Read the system's trust in the local CA, and run the steps of `trust_stores`."""

import os
import subprocess
import sys
from glob import escape, glob
from hashlib import sha256
from typing import TYPE_CHECKING

from portweave.encoding.value import replace
from portweave.errors import TrustFailedError
from portweave.supervisor.proxy.tls.ca_files import (
    ca_path,
    system_roots,
)
from portweave.supervisor.proxy.tls.trust_stores import (
    DATABASES,
    FOLDERS,
    PROGRAMS,
    Facts,
    Step,
    TrustState,
    copy_of,
    store_of,
)
from portweave.system.files import read_all

if TYPE_CHECKING:
    from collections.abc import Mapping

# Folders of these programs that a user's PATH may lack.
_SYSTEM_PATH = "/usr/local/sbin:/usr/sbin:/sbin:/usr/local/bin:/usr/bin:/bin"
_QUESTION_S = 10.0


def read_trust(folder: str, environ: "Mapping[str, str]") -> Facts:
    """Return the trust stores of this system, and which of them trust the CA.

    Args:
        folder: The state folder of the CA.
        environ: Names the PATH and the home folder.
    """
    path, authority = _path(environ), ca_path(folder)
    home = environ.get("HOME") or "/nowhere"
    facts = Facts(
        platform=sys.platform,
        is_root=os.geteuid() == 0,
        programs=frozenset(name for name in PROGRAMS if _can_run(name, path)),
        folders=frozenset(name for name in FOLDERS if os.path.isdir(name)),
        authority=authority,
        # The name depends on the path: a new CA in this folder replaces the old one in each store.
        name=f"portweave-{sha256(authority.encode()).hexdigest()[:8]}",
        digest=_digest(authority),
        keychain=f"{home}/Library/Keychains/login.keychain-db",
    )
    is_trusted = is_trusted_by_system(authority)
    is_known = is_trusted
    store = store_of(facts)
    if store is not None:
        copy = copy_of(store, facts.name)
        is_known = os.path.lexists(copy)
        is_trusted = is_trusted and _read(copy) == _read(authority)
    databases: list[tuple[str, TrustState]] = []
    for pattern in DATABASES:
        for found in sorted(glob(f"{escape(home)}/{pattern}/cert9.db")):
            database = os.path.dirname(found)
            databases.append((database, _trust_state(database, facts, path)))
    return replace(facts, is_known=is_known, is_trusted=is_trusted, databases=tuple(databases))


def is_trusted_by_system(authority: str) -> bool:
    """Whether programs that use the system's trust store trust a certificate authority.

    Args:
        authority: The file of its certificate.
    """
    body = _body(_read(authority))
    if not body:
        return False
    if sys.platform == "darwin":
        words = ["security", "verify-cert", "-q", "-p", "ssl", "-c", authority]
        return _ask(words, _SYSTEM_PATH) is not None
    system = system_roots()
    return system is not None and body in _read(system).replace(b"\n", b"").replace(b"\r", b"")


def run_step(step: Step, environ: "Mapping[str, str]") -> None:
    """Run a step; the output of its command goes to the terminal.

    Raises:
        TrustFailedError: The command failed.
    """
    env = {**environ, "PATH": _path(environ)}
    try:
        done = subprocess.run(step.argv, env=env, check=False, stdout=sys.stderr)
    except OSError as error:
        raise TrustFailedError(step.argv[0], error.strerror or str(error)) from error
    if done.returncode != 0:
        program = step.argv[2] if step.argv[0] == "sudo" else step.argv[0]
        raise TrustFailedError(program, f"it ended with {done.returncode}")


def _path(environ: "Mapping[str, str]") -> str:
    own = environ.get("PATH", "")
    return f"{own}:{_SYSTEM_PATH}" if own else _SYSTEM_PATH


def _can_run(name: str, path: str) -> bool:
    return any(os.access(f"{folder}/{name}", os.X_OK) for folder in path.split(":") if folder)


def _trust_state(database: str, facts: Facts, path: str) -> TrustState:
    if "certutil" not in facts.programs:
        return TrustState()
    words = ["certutil", "-L", "-d", f"sql:{database}", "-n", facts.name, "-a"]
    answer = _ask(words, path)
    if answer is None:
        return TrustState()
    return TrustState(is_known=True, is_trusted=_body(answer) == _body(_read(facts.authority)))


def _ask(words: list[str], path: str) -> bytes | None:
    """Run a command and return its output; None where it fails."""
    try:
        done = subprocess.run(
            words,
            env={**os.environ, "PATH": path},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_QUESTION_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout if done.returncode == 0 else None


def _body(pem: bytes) -> bytes:
    """Return the first certificate in a file as one line; empty for none."""
    lines = pem.replace(b"\r", b"").replace(b"\n", b"")
    return lines.partition(b"-----BEGIN CERTIFICATE-----")[2].partition(b"-----END")[0]


def _digest(path: str) -> str:
    from binascii import a2b_base64
    from hashlib import sha1

    body = _body(_read(path))
    return sha1(a2b_base64(body), usedforsecurity=False).hexdigest().upper() if body else ""


def _read(path: str) -> bytes:
    try:
        return read_all(path)
    except OSError:
        return b""
