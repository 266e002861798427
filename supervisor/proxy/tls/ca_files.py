"""Where the local authority lies, for all who only point to it: no certificate is read here.

`ca.pem` and `ca-key.pem` are called as portless's. `ca-bundle.pem` has the system's roots as well:
a program that is told of a file by SSL_CERT_FILE looks at nothing else.
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

# Debian and Arch, Fedora, SUSE, macOS and Alpine: as Go's crypto/x509 looks for them.
SYSTEM_ROOTS = (
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/ssl/cert.pem",
)

# Of OpenSSL, curl (curl(1), ENVIRONMENT), Python's requests (its documentation, SSL Cert
# Verification) and the AWS programs: each reads its file in place of what it trusts otherwise.
_BUNDLES = ("SSL_CERT_FILE", "CURL_CA_BUNDLE", "REQUESTS_CA_BUNDLE", "AWS_CA_BUNDLE")
# The variables that a program would read if the first were not set.
_HIDES: "Mapping[str, tuple[str, ...]]" = {
    "CURL_CA_BUNDLE": ("SSL_CERT_DIR", "SSL_CERT_FILE"),
    "REQUESTS_CA_BUNDLE": ("CURL_CA_BUNDLE",),
    "AWS_CA_BUNDLE": ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"),
}
_SYSTEM_PATHS = frozenset({*SYSTEM_ROOTS, *map(os.path.dirname, SYSTEM_ROOTS)})


def ca_path(folder: str) -> str:
    """The certificate of a state folder's authority."""
    return f"{folder}/ca.pem"


def key_path(folder: str) -> str:
    """Its key."""
    return f"{folder}/ca-key.pem"


def system_roots(candidates: "Sequence[str]" = SYSTEM_ROOTS) -> str | None:
    """The file of all that the system trusts; None where none is known."""
    return next((path for path in candidates if os.path.isfile(path)), None)


def bundle(folder: str, candidates: "Sequence[str]" = SYSTEM_ROOTS) -> str | None:
    """The file with the system's roots and the folder's authority, made anew where it is old.

    Args:
        folder: The state folder.
        candidates: Where the system's roots may lie.

    Returns:
        Its path; None where there is no authority, or nothing is known of the system's roots:
        then such a file would take away what programs trust.
    """
    system, own = system_roots(candidates), ca_path(folder)
    if system is None or not os.path.isfile(own):
        return None
    path = f"{folder}/ca-bundle.pem"
    # Whatever has changed in one of them shows in this line.
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
    """The variables that make programs trust the authority besides all else; by name.

    Args:
        folder: The state folder; without an authority in it there are none.
    """
    own = ca_path(folder)
    if not os.path.isfile(own):
        return {}
    both = bundle(folder)
    return {"NODE_EXTRA_CA_CERTS": own} | ({} if both is None else dict.fromkeys(_BUNDLES, both))


def without_overruling(
    variables: "Mapping[str, str]", given: "Mapping[str, str]"
) -> dict[str, str]:
    """The variables of `variables` that leave in force what the user has set.

    A program looks at several of these, and takes the first that is set.

    Args:
        variables: From `variables`.
        given: The variables that the user has set. One that names the system's own roots hides
            nothing: the bundle holds these.
    """
    own = {name for name, path in given.items() if path not in _SYSTEM_PATHS}
    return {
        name: path
        for name, path in variables.items()
        if name not in given and own.isdisjoint(_HIDES.get(name, ()))
    }


def save(path: str, data: bytes, mode: int) -> None:
    """Write a file as a whole, or not at all, so that a power cut leaves the old one or this.

    Args:
        path: Of the file.
        data: All of it.
        mode: Whatever the umask is.

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
