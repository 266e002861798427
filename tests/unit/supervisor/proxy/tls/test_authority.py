"""The files of the local authority."""

import fcntl
import multiprocessing
import os
import stat
from pathlib import Path

import pytest

from portweave.errors import AuthorityError, TlsMissingError
from portweave.supervisor.proxy.tls import authority as module
from portweave.supervisor.proxy.tls import ca_files
from portweave.supervisor.proxy.tls.authority import open_authority
from portweave.supervisor.proxy.tls.certificates import pem_of


def test_an_authority_is_made_once_and_its_key_is_private(tmp_path: Path) -> None:
    first = open_authority(str(tmp_path))
    assert open_authority(str(tmp_path)).certificate == first.certificate
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()}
    assert modes == {"ca.pem": 0o644, "ca-key.pem": 0o600, "ca.lock": 0o600}


def _open(folder: str) -> bytes:
    return pem_of(open_authority(folder).certificate)


def test_two_processes_at_once_make_one_authority(tmp_path: Path) -> None:
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        found = pool.map(_open, [str(tmp_path)] * 4, chunksize=1)
    assert len(set(found)) == 1


def test_a_key_without_a_certificate_is_replaced(tmp_path: Path) -> None:
    first = open_authority(str(tmp_path))
    (tmp_path / "ca.pem").unlink()
    assert open_authority(str(tmp_path)).certificate != first.certificate


def test_a_damaged_certificate_is_reported_and_kept(tmp_path: Path) -> None:
    open_authority(str(tmp_path))
    (tmp_path / "ca.pem").write_text("nonsense")
    with pytest.raises(AuthorityError, match=r"ca\.pem cannot be used"):
        open_authority(str(tmp_path))
    assert (tmp_path / "ca.pem").read_text() == "nonsense"


def test_waiting_for_a_held_lock_has_a_deadline(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_LOCK_S", 0.0)
    with (tmp_path / "ca.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        with pytest.raises(AuthorityError, match="is held"):
            open_authority(str(tmp_path))
    open_authority(str(tmp_path))


def test_a_missing_folder_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(AuthorityError):
        open_authority(str(tmp_path / "none"))
    assert not (tmp_path / "none").exists()


def test_missing_libraries_are_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def find(name: str) -> object:
        return None if name == "h2" else object()

    monkeypatch.setattr(module, "find_spec", find)
    with pytest.raises(TlsMissingError, match="no module h2"):
        open_authority(str(tmp_path))


def test_the_bundle_also_has_the_roots_of_the_system(tmp_path: Path) -> None:
    folder, system = str(tmp_path), tmp_path / "roots.pem"
    system.write_text("roots 1\n")
    assert ca_files.bundle(folder, [str(system)]) is None
    open_authority(folder)
    path = ca_files.bundle(folder, ["/nowhere", str(system)])
    assert path is not None
    first = Path(path).read_text()
    assert (tmp_path / "ca.pem").read_text() in first
    assert first.endswith("roots 1\n")
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o644
    before = os.stat(path).st_ino
    assert ca_files.bundle(folder, [str(system)]) == path
    assert os.stat(path).st_ino == before
    system.write_text("roots 22\n")
    ca_files.bundle(folder, [str(system)])
    assert Path(path).read_text().endswith("roots 22\n")
    # Without the roots of the system a bundle would trust less than before.
    assert ca_files.bundle(folder, ["/nowhere"]) is None


def test_the_variables_name_the_certificate_and_the_bundle(tmp_path: Path) -> None:
    assert ca_files.variables(str(tmp_path)) == {}
    open_authority(str(tmp_path))
    found = ca_files.variables(str(tmp_path))
    assert found["NODE_EXTRA_CA_CERTS"] == str(tmp_path / "ca.pem")
    bundles = {name: path for name, path in found.items() if name != "NODE_EXTRA_CA_CERTS"}
    names = {"SSL_CERT_FILE", "CURL_CA_BUNDLE", "REQUESTS_CA_BUNDLE", "AWS_CA_BUNDLE"}
    assert bundles.keys() in (set(), names)
    assert set(bundles.values()) <= {str(tmp_path / "ca-bundle.pem")}


@pytest.mark.parametrize(
    ("given", "left_out"),
    [
        ({}, set[str]()),
        ({"AWS_CA_BUNDLE": ""}, {"AWS_CA_BUNDLE"}),
        # curl(1) reads SSL_CERT_FILE, and requests reads CURL_CA_BUNDLE, where its own is not set.
        ({"SSL_CERT_FILE": "/mine.pem"}, {"SSL_CERT_FILE", "CURL_CA_BUNDLE"}),
        ({"SSL_CERT_DIR": "/mine"}, {"CURL_CA_BUNDLE"}),
        (
            {"CURL_CA_BUNDLE": "/mine.pem"},
            {"CURL_CA_BUNDLE", "REQUESTS_CA_BUNDLE", "AWS_CA_BUNDLE"},
        ),
        ({"REQUESTS_CA_BUNDLE": "/mine.pem"}, {"REQUESTS_CA_BUNDLE", "AWS_CA_BUNDLE"}),
        # The bundle has the roots of the system.
        (
            {"SSL_CERT_DIR": "/etc/ssl/certs", "SSL_CERT_FILE": "/etc/ssl/cert.pem"},
            {"SSL_CERT_FILE"},
        ),
        ({"NODE_EXTRA_CA_CERTS": "/mine.pem"}, {"NODE_EXTRA_CA_CERTS"}),
    ],
)
def test_no_variable_hides_what_the_user_has_set(given: dict[str, str], left_out: set[str]) -> None:
    names = {
        *("NODE_EXTRA_CA_CERTS", "SSL_CERT_FILE", "CURL_CA_BUNDLE"),
        *("REQUESTS_CA_BUNDLE", "AWS_CA_BUNDLE"),
    }
    variables = dict.fromkeys(names, "/ca.pem")
    assert names - ca_files.without_overruling(variables, given).keys() == left_out
