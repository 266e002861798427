"""The content of certificates, and their check by OpenSSL."""

import datetime
import shutil
import subprocess
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ed25519

from portweave.supervisor.proxy.tls.certificates import (
    LEAF_DAYS,
    is_over,
    make_authority,
    make_leaf,
    new_key,
    pem_of,
    read_authority,
)

NOW = datetime.datetime(2030, 1, 1, tzinfo=datetime.UTC)
DAY = datetime.timedelta(days=1)
AUTHORITY = make_authority("ada@laptop", NOW)


def test_an_authority_is_limited_to_this_machine() -> None:
    found = AUTHORITY.certificate.extensions
    basic = found.get_extension_for_class(x509.BasicConstraints)
    assert basic.critical
    assert (basic.value.ca, basic.value.path_length) == (True, 0)
    names = found.get_extension_for_class(x509.NameConstraints)
    assert names.critical
    assert names.value.permitted_subtrees is not None
    assert [str(name.value) for name in names.value.permitted_subtrees] == [
        "localhost",
        "127.0.0.0/8",
        "::1/128",
    ]
    assert found.get_extension_for_class(x509.KeyUsage).value.key_cert_sign


def test_a_leaf_is_for_its_names_and_short_enough_for_browsers() -> None:
    leaf = make_leaf(AUTHORITY, new_key(), ["a.localhost", "127.0.0.1"], NOW)
    names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["a.localhost"]
    assert [str(ip) for ip in names.get_values_for_type(x509.IPAddress)] == ["127.0.0.1"]
    assert leaf.not_valid_after_utc - leaf.not_valid_before_utc == LEAF_DAYS * DAY
    assert LEAF_DAYS < 398
    leaf.verify_directly_issued_by(AUTHORITY.certificate)


@pytest.mark.parametrize(
    ("days", "over"), [(-2, True), (0, False), (LEAF_DAYS - 9, False), (LEAF_DAYS - 8, True)]
)
def test_a_certificate_is_renewed_before_its_end(days: int, over: bool) -> None:
    leaf = make_leaf(AUTHORITY, new_key(), ["a.localhost"], NOW)
    assert is_over(leaf, NOW + days * DAY) is over


def test_a_written_authority_can_be_read() -> None:
    found = read_authority(pem_of(AUTHORITY.certificate), pem_of(AUTHORITY.key))
    assert found.certificate == AUTHORITY.certificate


def test_an_invalid_authority_is_refused() -> None:
    key = new_key()
    leaf = make_leaf(AUTHORITY, key, ["a.localhost"], NOW)
    for certificate, secret, why in (
        (pem_of(leaf), pem_of(key), "not of an authority"),
        (pem_of(AUTHORITY.certificate), pem_of(key), "do not belong together"),
        (b"nonsense", pem_of(key), "PEM|deserialize"),
        (pem_of(AUTHORITY.certificate), b"nonsense", "PEM|deserialize"),
        (pem_of(AUTHORITY.certificate), _ed25519(), "unknown kind"),
    ):
        with pytest.raises(ValueError, match=why):
            read_authority(certificate, secret)


def _ed25519() -> bytes:
    from cryptography.hazmat.primitives import serialization as s

    key = ed25519.Ed25519PrivateKey.generate()
    return key.private_bytes(s.Encoding.PEM, s.PrivateFormat.PKCS8, s.NoEncryption())


@pytest.mark.skipif(shutil.which("openssl") is None, reason="needs openssl")
@pytest.mark.parametrize(
    ("name", "verdict"),
    [("a.b.localhost", ": OK"), ("::1", ": OK"), ("bank.example", "permitted subtree violation")],
)
def test_openssl_gives_the_same_verdict(tmp_path: Path, name: str, verdict: str) -> None:
    (tmp_path / "ca.pem").write_bytes(pem_of(AUTHORITY.certificate))
    (tmp_path / "leaf.pem").write_bytes(pem_of(make_leaf(AUTHORITY, new_key(), [name], NOW)))
    words = ["openssl", "verify", "-x509_strict", "-attime", str(int(NOW.timestamp()))]
    words += ["-purpose", "sslserver", "-CAfile", "ca.pem", "leaf.pem"]
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert verdict in done.stdout + done.stderr
