"""TLS for whatever name a client asks for (SNI, RFC 6066, section 3).

A certificate is made when its name is first asked for: that takes a quarter of a millisecond. They
are kept in memory only, some hundred of them, all with one key that is made at each start, so
nothing but the authority's own key is to be guarded on the disk.
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
    normal,
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

# Whoever comes without a name, or with one that is not ours, gets these.
COMMON = ("localhost", "*.localhost", "127.0.0.1", "::1")
MOST_NAMES = 128
PROTOCOLS = ["h2", "http/1.1"]


@value
class Certified:
    """A name's context.

    Attributes:
        context: With its certificate.
        is_over: Tells of a time whether the certificate is too old by then.
    """

    context: ssl.SSLContext
    is_over: "Callable[[datetime.datetime], bool]"


class Identities:
    """The contexts of a proxy, a name's when it is asked for.

    Args:
        folder: The state folder, with the authority; made if missing.

    Attributes:
        context: What connections begin with.
        common: The same with the common certificate for every name.
        is_ours: Tells whether a name is one to make a certificate for.

    Raises:
        AuthorityError: The authority cannot be used.
        TlsMissingError: The libraries for HTTPS are not installed.
    """

    def __init__(self, folder: str) -> None:
        self._folder = folder
        self._authority = open_authority(folder)
        self._stamp = self._look()
        self._key = new_key()
        self._known: OrderedDict[str, Certified] = OrderedDict()
        self.is_ours: Callable[[str], bool] = lambda _name: False
        self.context = self._make(COMMON, self._authority).context
        self.context.sni_callback = self._choose
        self.common = self._make(COMMON, self._authority).context
        self._tell_services()

    def __len__(self) -> int:
        return len(self._known)

    def _choose(
        self, connection: ssl.SSLObject, name: str | None, _context: ssl.SSLContext
    ) -> int | None:
        """Have a connection use the certificate of the name that its client asks for."""
        try:
            connection.context = self._find(_name_of(name)).context
        except (OSError, ValueError, PortweaveError):
            return ssl.ALERT_DESCRIPTION_INTERNAL_ERROR
        return None

    def _find(self, name: str) -> Certified:
        self._follow_authority()
        if not name or name in LOOPBACK_NAMES or not self.is_ours(name):
            name = ""
        known = self._known.get(name)
        if known is not None and not known.is_over(datetime.datetime.now(datetime.UTC)):
            self._known.move_to_end(name)
            return known
        made = self._known[name] = self._make((name,) if name else COMMON, self._authority)
        self._known.move_to_end(name)
        if len(self._known) > MOST_NAMES:
            self._known.popitem(last=False)
        return made

    def _follow_authority(self) -> None:
        """Begin anew where the authority is another one by now, or its time is over."""
        stamp = self._look()
        now = datetime.datetime.now(datetime.UTC)
        if stamp == self._stamp and not is_over(self._authority.certificate, now):
            return
        try:
            self._authority = open_authority(self._folder)
        except PortweaveError:
            # It is half-written, or unreadable for now: the next handshake looks again.
            if is_over(self._authority.certificate, now):
                raise
            return
        self._stamp = self._look()
        self._known.clear()
        self._tell_services()

    def _tell_services(self) -> None:
        with contextlib.suppress(OSError):
            # The proxy itself does without.
            bundle(self._folder)

    def _look(self) -> tuple[int, int]:
        try:
            status = os.stat(ca_path(self._folder))
        except OSError:
            return 0, 0
        return status.st_mtime_ns, status.st_ino

    def _make(self, names: tuple[str, ...], authority: "Authority") -> Certified:
        leaf = make_leaf(authority, self._key, names, datetime.datetime.now(datetime.UTC))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.set_alpn_protocols(PROTOCOLS)
        self._load(context, pem_of(self._key) + pem_of(leaf) + pem_of(authority.certificate))
        return Certified(context, lambda now: is_over(leaf, now))

    def _load(self, context: ssl.SSLContext, pem: bytes) -> None:
        """`ssl` takes keys from files alone: here is one, for a moment."""
        path = f"{self._folder}/leaf.pem.{os.getpid()}"
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        try:
            write_all(descriptor, pem)
            context.load_cert_chain(path)
        finally:
            os.close(descriptor)
            os.unlink(path)


def _name_of(text: str | None) -> str:
    """What a client asks for as a name that a certificate may have; empty where it is none."""
    found = normal(text.encode("ascii", "replace")) if text else None
    if found is None or len(found[0]) > LONGEST_NAME or found[1]:
        return ""
    labels = found[0].split(".")
    is_name = all(
        0 < len(label) <= LONGEST_LABEL and label.replace("-", "a").isalnum() for label in labels
    )
    return found[0] if is_name else ""
