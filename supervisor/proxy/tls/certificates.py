"""Make and read certificates of the local authority, and of servers that it signs.

The authority can only sign for this machine: name constraints (RFC 5280, section 4.2.1.10) limit it
to `localhost`, names below it, and loopback addresses. So a stolen key is of no use for other
sites. If portless has made an authority in the state folder, that one is used.
"""

import datetime
import ipaddress
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from portweave.allocator.names.hostnames import TLD
from portweave.encoding.value import value

if TYPE_CHECKING:
    from collections.abc import Iterable

PrivateKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey

AUTHORITY_DAYS = 3650
# Apple's systems accept no longer one: https://support.apple.com/102028
LEAF_DAYS = 397
RENEWED_DAYS = 7
# Clocks differ, most of all in virtual machines.
_SKEW = datetime.timedelta(days=1)
_LOOPBACK = (ipaddress.ip_network("127.0.0.0/8"), ipaddress.ip_network("::1/128"))
_LONGEST_NAME = 64  # RFC 5280, appendix A.1: ub-common-name


@value
class Authority:
    """A certificate authority.

    Attributes:
        certificate: The certificate that users trust.
        key: The key that signs the certificates of servers.
    """

    certificate: x509.Certificate
    key: PrivateKey


def new_key() -> ec.EllipticCurvePrivateKey:
    """Make a key on P-256, the curve that all browsers accept."""
    return ec.generate_private_key(ec.SECP256R1())


def make_authority(who: str, now: datetime.datetime) -> Authority:
    """Make a new authority.

    Args:
        who: The owner, as `ada@laptop`; systems show it in their list of authorities.
        now: The time, with a time zone.
    """
    key = new_key()
    name = _name(f"portweave local CA ({who})")
    permitted = [x509.DNSName(TLD), *(x509.IPAddress(network) for network in _LOOPBACK)]
    certificate = (
        _builder(name, name, key, now, AUTHORITY_DAYS)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs_certificates=True), critical=True)
        .add_extension(x509.NameConstraints(permitted, None), critical=True)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key()), critical=False
        )
        .sign(key, hashes.SHA256())
    )
    return Authority(certificate, key)


def make_leaf(
    authority: Authority,
    key: ec.EllipticCurvePrivateKey,
    names: "Iterable[str]",
    now: datetime.datetime,
) -> x509.Certificate:
    """Make a certificate for a server.

    Args:
        authority: The authority that signs it.
        key: The server's key.
        names: Host names and loopback addresses.
        now: The time, with a time zone.
    """
    issuer = authority.certificate
    found = [_general(name) for name in names]
    return (
        # For people; browsers read the alternative names.
        _builder(_name("portweave"), issuer.subject, key, now, LEAF_DAYS)
        .add_extension(x509.SubjectAlternativeName(found), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(authority.key.public_key()),
            critical=False,
        )
        .sign(authority.key, hashes.SHA256())
    )


def is_over(certificate: x509.Certificate, now: datetime.datetime) -> bool:
    """Whether to renew a certificate: it ends within a week, or is not valid yet."""
    until = certificate.not_valid_after_utc - datetime.timedelta(days=RENEWED_DAYS)
    return not certificate.not_valid_before_utc <= now < until


def read_authority(certificate: bytes, key: bytes) -> Authority:
    """Read an authority from the contents of its two files.

    Raises:
        ValueError: They are not an authority's, or do not belong together.
    """
    found = x509.load_pem_x509_certificate(certificate)
    secret = load_pem_private_key(key, password=None)
    if not isinstance(secret, ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey):
        raise ValueError("its key is of an unknown kind")  # noqa: TRY004
    if _public(found.public_key()) != _public(secret.public_key()):
        raise ValueError("certificate and key do not belong together")
    try:
        constraints = found.extensions.get_extension_for_class(x509.BasicConstraints).value
    except x509.ExtensionNotFound:
        constraints = None
    if constraints is None or not constraints.ca:
        raise ValueError("the certificate is not of an authority")
    return Authority(found, secret)


def pem_of(thing: "x509.Certificate | PrivateKey") -> bytes:
    """A certificate or a key in PEM."""
    if isinstance(thing, x509.Certificate):
        return thing.public_bytes(Encoding.PEM)
    return thing.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def _public(key: object) -> bytes:
    if not isinstance(key, ec.EllipticCurvePublicKey | rsa.RSAPublicKey):
        return b""
    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def _builder(
    subject: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePrivateKey,
    now: datetime.datetime,
    days: int,
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _SKEW)
        .not_valid_after(now - _SKEW + datetime.timedelta(days=days))
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    """The use of a key: signing certificates, or connections."""
    return x509.KeyUsage(
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        digital_signature=not signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _name(text: str) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.COMMON_NAME, text[:_LONGEST_NAME]),
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "portweave"),
        ]
    )


def _general(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)
