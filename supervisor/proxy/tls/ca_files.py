"""The files of the local certificate authority, and the variables that name them.

No certificate is read here. `ca.pem` and `ca-key.pem` have the names that portless uses.
`ca-bundle.pem` also holds the system's roots, because a program with SSL_CERT_FILE reads no other.
"""

import os

from portweave.system.files import (
    read_all,
    sync_folder,
    write_new,
)

TYPE_CHECKING = False  # `typing` costs as much as the work
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

# Debian and Arch, Fedora, SUSE, macOS and Alpine: the paths of Go's crypto/x509.
SYSTEM_ROOTS = (
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/ssl/cert.pem",
)

# Variables of OpenSSL, curl (curl(1), ENVIRONMENT), Python's requests (its documentation, SSL Cert
# Verification) and the AWS programs. Each program reads this file instead of its default.
_BUNDLES = ("SSL_CERT_FILE", "CURL_CA_BUNDLE", "REQUESTS_CA_BUNDLE", "AWS_CA_BUNDLE")
# The variables that a program reads only if the first is not set.
_HIDES: "Mapping[str, tuple[str, ...]]" = {
    "CURL_CA_BUNDLE": ("SSL_CERT_DIR", "SSL_CERT_FILE"),
    "REQUESTS_CA_BUNDLE": ("CURL_CA_BUNDLE",),
    "AWS_CA_BUNDLE": ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"),
}
_SYSTEM_PATHS = frozenset({*SYSTEM_ROOTS, *map(os.path.dirname, SYSTEM_ROOTS)})


def ca_path(folder: str) -> str:
    """The path of the authority's certificate in a state folder."""
    return f"{folder}/ca.pem"


def key_path(folder: str) -> str:
    """The path of the authority's key in a state folder."""
    return f"{folder}/ca-key.pem"


def system_roots(candidates: "Sequence[str]" = SYSTEM_ROOTS) -> str | None:
    """The file with the system's trusted roots; None if none is known."""
    return next((path for path in candidates if os.path.isfile(path)), None)


def bundle(folder: str, candidates: "Sequence[str]" = SYSTEM_ROOTS) -> str | None:
    """Write the file with the system's roots and the folder's authority, if it is out of date.

    Args:
        folder: The state folder.
        candidates: Paths where the system's roots may be.

    Returns:
        The path of the file. None without an authority or without known roots: without the roots,
        programs would trust less than before.
    """
    system, own = system_roots(candidates), ca_path(folder)
    if system is None or not os.path.isfile(own):
        return None
    path = f"{folder}/ca-bundle.pem"
    # This line changes whenever one of the two files changes.
    line = f"# {_mark(system)} {_mark(own)}\n".encode()
    try:
        with open(path, "rb") as file:
            if file.readline() == line:
                return path
    except OSError:
        pass
    save(path, line + read_all(own).rstrip() + b"\n" + read_all(system), 0o644)
    return path


def variables(folder: str) -> dict[str, str]:
    """The variables that make programs trust the authority too: paths by name.

    Args:
        folder: The state folder; without an authority there are no variables.
    """
    own = ca_path(folder)
    if not os.path.isfile(own):
        return {}
    both = bundle(folder)
    return {"NODE_EXTRA_CA_CERTS": own} | ({} if both is None else dict.fromkeys(_BUNDLES, both))


def without_overruling(
    variables: "Mapping[str, str]", given: "Mapping[str, str]"
) -> dict[str, str]:
    """Leave out the variables that would override or hide one that the user has set.

    A program looks at several variables and takes the first that is set.

    Args:
        variables: The variables, from `variables`.
        given: The variables that the user has set. One with the path of the system's roots does
            not count, because the bundle holds them.
    """
    own = {name for name, path in given.items() if path not in _SYSTEM_PATHS}
    return {
        name: path
        for name, path in variables.items()
        if name not in given and own.isdisjoint(_HIDES.get(name, ()))
    }


def save(path: str, data: bytes, mode: int) -> None:
    """Write a whole file or nothing: a power cut leaves the old file or the new one.

    Args:
        path: The file.
        data: All of its bytes.
        mode: Its mode, whatever the umask is.

    Raises:
        OSError: It cannot be written.
    """
    temporary = f"{path}.tmp.{os.getpid()}"
    write_new(temporary, data)
    try:
        os.chmod(temporary, mode)
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise
    sync_folder(path)


def _mark(path: str) -> str:
    status = os.stat(path)
    return f"{path} {status.st_mtime_ns} {status.st_size}"
