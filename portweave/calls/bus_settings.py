"""Pure. Which bus a process joins, and as what."""

from collections.abc import Mapping
from urllib.parse import urlsplit

from portweave.calls.bus_address import Place, checked_place
from portweave.encoding.value import value
from portweave.errors import ConfigError

HUB, CREDENTIALS, REALM = "PORTWEAVE_HUB", "PORTWEAVE_HUB_CREDENTIALS", "PORTWEAVE_REALM"
PROJECT, NAMESPACE = "PORTWEAVE_PROJECT", "PORTWEAVE_NAMESPACE"
SCHEMES = ("nats", "tls")
DEFAULT_PORT = 4222


@value
class BusSettings:
    """A bus, and the files that prove the right to join it.

    Attributes:
        urls: URLs of its servers; the first that answers is taken.
        place: Where the member is.
        credentials: Path of a NATS credentials file; empty for none.
        ca: Path of the certificates that the server's is checked by; empty for the system's.
        cert: Path of a certificate for the server; empty for none.
        key: Path of its key; empty if `cert` holds it, too.
        env: The environment's name. Tracebacks are told in `development` alone.
    """

    urls: tuple[str, ...]
    place: Place
    credentials: str = ""
    ca: str = ""
    cert: str = ""
    key: str = ""
    env: str = "development"

    @property
    def uses_tls(self) -> bool:
        """Whether the connection is encrypted."""
        return bool(self.ca or self.cert) or any(url.startswith("tls:") for url in self.urls)

    @property
    def shown(self) -> str:
        """The URLs for messages, without users and passwords."""
        return ",".join(map(without_user, self.urls))


def read_urls(text: str) -> tuple[str, ...]:
    """The URLs of a bus, from a text with commas between them.

    Raises:
        ValueError: One is no URL of NATS. The text of the error says what is wrong.
    """
    urls = tuple(url for url in (part.strip() for part in text.split(",")) if url)
    if not urls:
        raise ValueError("it names no server")
    for url in urls:
        parts = urlsplit(url)
        if parts.scheme not in SCHEMES:
            raise ValueError(f"{without_user(url)} does not begin with nats:// or tls://")
        if not parts.hostname:
            raise ValueError(f"{without_user(url)} names no host")
        if parts.path.strip("/") or parts.query or parts.fragment:
            raise ValueError(f"{without_user(url)} has more than a host and a port")
        _ = parts.port  # raises ValueError
    return urls


def has_password(url: str) -> bool:
    """Whether a URL holds a password or a token."""
    return "@" in urlsplit(url).netloc


def without_user(url: str) -> str:
    """A URL without user and password."""
    before, mark, rest = url.partition("://")
    return f"{before}{mark}{rest.rpartition('@')[2]}"


def environment_name(environ: Mapping[str, str]) -> str:
    """The name of the environment, such as `production`."""
    return environ.get("PORTWEAVE_ENV") or environ.get("NODE_ENV") or "development"


def read_environment(
    environ: Mapping[str, str], machine: str, place: Place | None = None
) -> BusSettings | None:
    """The bus that `PORTWEAVE_HUB` names; None if it is not set.

    Args:
        environ: The environment.
        machine: The realm, unless `PORTWEAVE_REALM` says otherwise.
        place: Where the member is; None if variables say so.

    Raises:
        ConfigError: A variable cannot be used.
    """
    text = environ.get(HUB)
    if not text:
        return None
    try:
        urls = read_urls(text)
    except ValueError as error:
        hint = f"as in {HUB}=nats://127.0.0.1:{DEFAULT_PORT}"
        raise ConfigError(f"{HUB} cannot be used: {error}", hint=hint) from None
    place = place or Place(
        environ.get(REALM) or machine,
        environ.get(PROJECT) or "default",
        environ.get(NAMESPACE) or "main",
    )
    return BusSettings(
        urls,
        checked_place(place),
        credentials=environ.get(CREDENTIALS, ""),
        env=environment_name(environ),
    )
