"""`portweave hosts` prints or writes lines of a hosts file."""

import os
import pty
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.support.commands import Cli

BLOCK = "# portweave begin\n127.0.0.1 db.localhost\n# portweave end\n"


@pytest.fixture
def hosts(cli: "Cli", tmp_path: Path) -> Path:
    assert cli("alias", "db", "5432", cwd=tmp_path).returncode == 0
    path = tmp_path / "hosts"
    path.write_text("127.0.0.1 localhost\n")
    path.chmod(0o640)
    return path


def test_hosts_prints_lines_and_changes_nothing(cli: "Cli", hosts: Path) -> None:
    assert cli("hosts", "--hosts-file", hosts, cwd=hosts.parent).stdout == BLOCK
    assert hosts.read_text() == "127.0.0.1 localhost\n"


def test_the_yes_option_writes_and_removes_lines(cli: "Cli", hosts: Path) -> None:
    options = ("--hosts-file", hosts, "--yes")
    done = cli("hosts", "--write", *options, cwd=hosts.parent)
    assert (done.returncode, BLOCK in done.stderr) == (0, True)
    assert hosts.read_text() == "127.0.0.1 localhost\n" + BLOCK
    assert hosts.stat().st_mode & 0o777 == 0o640
    assert "as it should be" in cli("hosts", "--write", *options, cwd=hosts.parent).stderr
    assert cli("hosts", "--remove", *options, cwd=hosts.parent).returncode == 0
    assert hosts.read_text() == "127.0.0.1 localhost\n"
    assert sorted(path.name for path in hosts.parent.iterdir() if "hosts" in path.name) == ["hosts"]


def test_hosts_asks_before_it_writes(cli: "Cli", hosts: Path) -> None:
    done = cli("hosts", "--write", "--hosts-file", hosts, cwd=hosts.parent)
    assert done.returncode == 1
    assert "--yes confirms beforehand" in done.stderr
    for answer, status in ((b"n\n", 1), (b"\n", 1), (b"y\n", 0)):
        typing_fd, tty = pty.openpty()
        process = subprocess.Popen(
            [*cli.argv, "hosts", "--write", "--hosts-file", str(hosts)],
            env=cli.env(),
            stdin=tty,
            stderr=subprocess.PIPE,
        )
        os.write(typing_fd, answer)
        _, printed = process.communicate(timeout=20)
        assert b"go on? [y/N]" in printed
        assert process.returncode == status
        os.close(typing_fd)
        os.close(tty)
    assert BLOCK in hosts.read_text()


@pytest.mark.parametrize("words", [("x",), ("--write", "--remove")])
def test_invalid_arguments_of_hosts_are_an_error(
    cli: "Cli", tmp_path: Path, words: tuple[str, ...]
) -> None:
    assert "PW0601" in cli("hosts", *words, cwd=tmp_path).stderr


def test_an_unwritable_hosts_file_is_an_error(cli: "Cli", hosts: Path) -> None:
    for path in (hosts.parent, hosts / "x"):
        done = cli("hosts", "--write", "--yes", "--hosts-file", path, cwd=hosts.parent)
        assert "PW1109" in done.stderr


def test_doctor_reports_names_that_do_not_resolve(cli: "Cli", hosts: Path) -> None:
    done = cli("doctor", "--json", cwd=hosts.parent)
    knows = any(
        name in Path("/etc/nsswitch.conf").read_text() for name in ("myhostname", "resolve")
    )
    assert ("PW1110" in done.stdout) is not knows
