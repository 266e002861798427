"""TLS contexts for the names that clients ask for (SNI, RFC 6066, section 3).

A certificate is made when a client first asks for its name, in a quarter of a millisecond. Up to
128 are kept, in memory only. All have one key, which is made at each start. So the authority's key
is the only secret on the disk.
"""

import contextlib
import datetime
import os
import ssl
from collections import OrderedDict
from typing import TYPE_CHECKING

from portweave.allocator.names.hostnames import (
    LONGEST_LABEL,
    LONGEST_NAME,
)
from portweave.encoding.value import value
from portweave.errors import PortweaveError
from portweave.supervisor.proxy.routing.host_table import (
    LOOPBACK_NAMES,
    split_host,
)
from portweave.supervisor.proxy.tls.authority import open_authority
from portweave.supervisor.proxy.tls.ca_files import (
    bundle,
    ca_path,
)
from portweave.supervisor.proxy.tls.certificates import (
    is_over,
    make_leaf,
    new_key,
    pem_of,
)
from portweave.system.files import write_all

if TYPE_CHECKING:
    from collections.abc import Callable

    from portweave.supervisor.proxy.tls.certificates import Authority

# The names in the certificate for clients that send no name, or one that is not ours.
COMMON = ("localhost", "*.localhost", "127.0.0.1", "::1")
MOST_NAMES = 128
PROTOCOLS = ["h2", "http/1.1"]


@value
class NamedContext:
    """The context of a name.

    Attributes:
        context: The TLS context with its certificate.
        is_over: Returns whether the certificate is too old at a time.
    """

    context: ssl.SSLContext
    is_over: "Callable[[datetime.datetime], bool]"


class Identities:
    """The TLS contexts of a proxy, made when clients ask for their names.

    Args:
        folder: The state folder; an authority is made in it if it has none.

    Attributes:
        context: The context that each connection starts with.
        common: The context with the common certificate for every name.
        is_ours: Returns whether a name gets a certificate of its own.

    Raises:
        AuthorityError: The authority cannot be used.
        TlsMissingError: The libraries for HTTPS are not installed.
    """

    def __init__(self, folder: str) -> None:
        self._folder = folder
        self._authority = open_authority(folder)
        self._stamp = self._stamp_of_file()
        self._key = new_key()
        self._contexts: OrderedDict[str, NamedContext] = OrderedDict()
        self.is_ours: Callable[[str], bool] = lambda _name: False
        self.context = self._make(COMMON, self._authority).context
        self.context.sni_callback = self._choose
        self.common = self._make(COMMON, self._authority).context
        self._update_bundle()

    def __len__(self) -> int:
        return len(self._contexts)

    def _choose(
        self, connection: ssl.SSLObject, name: str | None, _context: ssl.SSLContext
    ) -> int | None:
        """Switch a connection to the certificate of the name that its client asks for."""
        try:
            connection.context = self._find(_name_of(name)).context
        except (OSError, ValueError, PortweaveError):
            return ssl.ALERT_DESCRIPTION_INTERNAL_ERROR
        return None

    def _find(self, name: str) -> NamedContext:
        self._follow_authority()
        if not name or name in LOOPBACK_NAMES or not self.is_ours(name):
            name = ""
        known = self._contexts.get(name)
        if known is not None and not known.is_over(datetime.datetime.now(datetime.UTC)):
            self._contexts.move_to_end(name)
            return known
        made = self._contexts[name] = self._make((name,) if name else COMMON, self._authority)
        self._contexts.move_to_end(name)
        if len(self._contexts) > MOST_NAMES:
            self._contexts.popitem(last=False)
        return made

    def _follow_authority(self) -> None:
        """Read the authority again if its file has changed or it has expired."""
        stamp = self._stamp_of_file()
        now = datetime.datetime.now(datetime.UTC)
        if stamp == self._stamp and not is_over(self._authority.certificate, now):
            return
        try:
            self._authority = open_authority(self._folder)
        except PortweaveError:
            # Half-written, or unreadable for now: the next handshake reads it again.
            if is_over(self._authority.certificate, now):
                raise
            return
        self._stamp = self._stamp_of_file()
        self._contexts.clear()
        self._update_bundle()

    def _update_bundle(self) -> None:
        with contextlib.suppress(OSError):
            # The proxy itself does not need the bundle.
            bundle(self._folder)

    def _stamp_of_file(self) -> tuple[int, int]:
        try:
            status = os.stat(ca_path(self._folder))
        except OSError:
            return 0, 0
        return status.st_mtime_ns, status.st_ino

    def _make(self, names: tuple[str, ...], authority: "Authority") -> NamedContext:
        leaf = make_leaf(authority, self._key, names, datetime.datetime.now(datetime.UTC))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.set_alpn_protocols(PROTOCOLS)
        self._load(context, pem_of(self._key) + pem_of(leaf) + pem_of(authority.certificate))
        return NamedContext(context, lambda now: is_over(leaf, now))

    def _load(self, context: ssl.SSLContext, pem: bytes) -> None:
        """Load a key through a temporary file, because `ssl` reads keys only from files."""
        path = f"{self._folder}/leaf.pem.{os.getpid()}"
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        try:
            write_all(descriptor, pem)
            context.load_cert_chain(path)
        finally:
            os.close(descriptor)
            os.unlink(path)


def _name_of(text: str | None) -> str:
    """The name that a client asks for; empty if a certificate cannot have it."""
    found = split_host(text.encode("ascii", "replace")) if text else None
    if found is None or len(found[0]) > LONGEST_NAME or found[1]:
        return ""
    labels = found[0].split(".")
    is_name = all(
        0 < len(label) <= LONGEST_LABEL and label.replace("-", "a").isalnum() for label in labels
    )
    return found[0] if is_name else ""
