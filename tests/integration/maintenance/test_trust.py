"""`portweave trust`, without changes to the machine of the tests."""

import os
import pty
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from portweave.arguments.args import (
    Args,
    parse,
)
from portweave.cli.verbs import trust
from portweave.errors import NoTrustStoreError, TrustFailedError, TrustUnaskedError
from portweave.maintenance.trust import (
    is_trusted_by_system,
    read_trust,
    run_step,
)
from portweave.supervisor.proxy.tls.authority import open_authority
from portweave.supervisor.proxy.tls.trust_stores import (
    Step,
    steps,
)

if TYPE_CHECKING:
    from tests.support.commands import Cli


def test_it_only_shows_what_it_would_do(cli: "Cli", tmp_path: Path, home: Path) -> None:
    done = cli("trust", "--dry-run", cwd=tmp_path)
    authority = home / "state/portweave/proxy/ca.pem"
    if NoTrustStoreError.code not in done.stderr:
        assert done.returncode == 0, done.stderr
        assert f"to have {authority} trusted:\n" in done.stderr
    assert not authority.exists()


def test_without_a_terminal_it_changes_nothing(cli: "Cli", tmp_path: Path, home: Path) -> None:
    done = cli("trust", cwd=tmp_path)
    assert done.returncode == 1
    assert TrustUnaskedError.code in done.stderr or NoTrustStoreError.code in done.stderr
    # The CA itself exists, so that users can trust it by hand.
    authority = home / "state/portweave/proxy/ca.pem"
    assert authority.exists()
    assert not is_trusted_by_system(str(authority))
    assert f"{authority} is not trusted" in cli("trust", "--remove", cwd=tmp_path).stderr


def test_a_no_changes_nothing(cli: "Cli", tmp_path: Path) -> None:
    if "update" not in cli("trust", "--dry-run", cwd=tmp_path).stderr:
        pytest.skip("nothing here could be changed")
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [*cli.argv, "trust"], cwd=tmp_path, env=cli.env(), stdin=theirs, stderr=subprocess.PIPE
    )
    os.write(ours, b"n\n")
    said = process.communicate(timeout=20)[1].decode()
    os.close(ours)
    os.close(theirs)
    assert process.returncode == 1
    assert "go on? [y/N]" in said
    assert "nothing was changed" in said


def test_a_command_that_fails_is_told(capfd: pytest.CaptureFixture[str]) -> None:
    run_step(Step("say it", ("echo", "said")), os.environ)
    assert capfd.readouterr().err == "said\n"
    with pytest.raises(TrustFailedError, match="false failed: it ended with 1"):
        run_step(Step("fail", ("false",)), os.environ)
    with pytest.raises(TrustFailedError, match="none failed"):
        run_step(Step("fail", ("/nowhere/none",)), os.environ)


def test_where_nothing_is_known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("portweave.maintenance.trust.FOLDERS", ())
    monkeypatch.setattr("portweave.maintenance.trust.PROGRAMS", ())
    monkeypatch.setattr(sys, "platform", "linux")
    args = Args()
    parse(["--state-dir", str(tmp_path)], trust.OPTIONS, args)
    with pytest.raises(NoTrustStoreError):
        trust.run(args)


def test_browsers_are_told(tmp_path: Path, need: Callable[[str], None]) -> None:
    need("certutil")
    database = tmp_path / ".pki/nssdb"
    database.mkdir(parents=True)
    words = ["certutil", "-N", "-d", f"sql:{database}", "--empty-password"]
    subprocess.run(words, check=True)
    environ = {"HOME": str(tmp_path), "PATH": os.environ["PATH"]}

    def tell(*, remove: bool = False) -> int:
        found = steps(read_trust(str(tmp_path), environ), remove=remove)
        mine = [step for step in found if step.argv[0] == "certutil"]
        for step in mine:
            run_step(step, environ)
        return len(mine)

    open_authority(str(tmp_path))
    assert (tell(), tell()) == (1, 0)
    # Another CA replaces it.
    for name in ("ca.pem", "ca-key.pem"):
        (tmp_path / name).unlink()
    open_authority(str(tmp_path))
    assert (tell(), tell()) == (2, 0)
    assert (tell(remove=True), tell(remove=True)) == (1, 0)
