"""The ports that `portweave run` allocates for a worktree and keeps."""

import os
import socket
import subprocess
import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path

from tests.support.commands import Cli
from tests.support.ports import Pool
from tests.support.run_command import (
    ENV,
    TWO,
    Repo,
    child_env,
    define,
)


@contextmanager
def listening(port: int, address: str = "127.0.0.1") -> Generator[None]:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family) as server:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        server.bind((address, port))
        server.listen()
        yield


def test_worktrees_have_different_ports_and_keep_them(cli: Cli, repo: Repo) -> None:
    roots = repo(2)
    for root in roots:
        define(root)
    envs = [child_env(cli("run", *ENV, cwd=root)) for root in roots]
    assert len({env[name] for env in envs for name in ("WEB_PORT", "API_PORT")}) == 6
    assert len({env["PORTWEAVE_NAMESPACE"] for env in envs}) == 3
    for root, env in zip(roots, envs, strict=True):
        again = cli("run", *ENV, cwd=root)
        assert child_env(again)["WEB_PORT"] == env["WEB_PORT"]
        assert "reusing existing allocation:" in again.stderr


def test_definitions_are_found_from_a_subfolder(cli: Cli, repo: Repo) -> None:
    (root,) = repo(0)
    define(root)
    below = root / "a" / "b"
    below.mkdir(parents=True)
    done = cli("run", "pwd", cwd=below)
    assert done.stdout == f"{below}\n"
    assert (root / ".portweave" / "current.env").exists()
    assert not (below / ".portweave").exists()


def test_outside_git_the_definitions_folder_is_the_root(cli: Cli, tmp_path: Path) -> None:
    define(tmp_path)
    below = tmp_path / "below"
    below.mkdir()
    env = child_env(cli("run", *ENV, cwd=below))
    assert env["PORTWEAVE_WORKTREE"] == str(tmp_path)


def test_a_procfile_is_enough(cli: Cli, repo: Repo, pool: Pool) -> None:
    (root,) = repo(0)
    (root / "Procfile").write_text("web: npm start\nmy-api: python api.py\n")
    env = child_env(cli("run", *ENV, cwd=root))
    assert (env["WEB_PORT"], env["MY_API_PORT"]) == (str(pool.start), str(pool.start + 1))


def test_further_instances_have_the_next_ports(cli: Cli, repo: Repo, pool: Pool) -> None:
    (root,) = repo(0)
    (root / "portweave.yaml").write_text(
        "services:\n"
        "  web: {command: x, scale: 2}\n"
        "  api: {command: x}\n"
        "  job: {command: x, port: false}\n"
    )
    done = cli("run", *ENV, cwd=root)
    assert child_env(done)["API_PORT"] == str(pool.start + 2)
    assert f"  web.2  → {pool.start + 1}     (PORT)\n" in done.stderr
    assert "job" not in done.stderr


def test_anonymous_ports_need_no_definitions(cli: Cli, repo: Repo, pool: Pool) -> None:
    (root,) = repo(0)
    env = child_env(cli("run", "--count", "3", "--", *ENV, cwd=root))
    assert [env[f"PORT_{number}"] for number in (1, 2, 3)] == [
        str(pool.start + number) for number in range(3)
    ]


def test_busy_ports_are_skipped(cli: Cli, repo: Repo, pool: Pool) -> None:
    (root,) = repo(0)
    define(root)
    with listening(pool.start + 1, "::1"), listening(pool.start + 3, "0.0.0.0"):  # noqa: S104
        env = child_env(cli("run", *ENV, cwd=root))
    assert env["WEB_PORT"] == str(pool.start + 4)


def test_a_block_with_a_listener_grows_in_place(cli: Cli, repo: Repo, pool: Pool) -> None:
    (root,) = repo(0)
    define(root)
    cli("run", "true", cwd=root)
    third = {"job": {"envVar": "JOB_PORT"}, **TWO["services"]}
    define(root, {"services": third})
    with listening(pool.start):
        env = child_env(cli("run", *ENV, cwd=root))
    ports = [int(env[name]) - pool.start for name in ("WEB_PORT", "API_PORT", "JOB_PORT")]
    assert ports == [0, 1, 2]
    fourth = {"db": {"envVar": "DB_PORT"}, **third}
    define(root, {"services": fourth})
    env = child_env(cli("run", *ENV, cwd=root))
    assert int(env["DB_PORT"]) == pool.start + 3, "with nothing listening all of it moves"


def test_another_program_that_listens_in_the_block_is_named(
    cli: Cli,
    repo: Repo,
    pool: Pool,
    tmp_path: Path,
    spawned: Callable[..., subprocess.Popen[bytes]],
) -> None:
    (root,) = repo(0)
    define(root)
    cli("run", "true", cwd=root)
    program = (
        "import socket, sys; s = socket.socket(); s.setsockopt(1, 2, 1);"
        "s.bind(('127.0.0.1', int(sys.argv[1]))); s.listen(); print(flush=True); sys.stdin.read()"
    )
    words = [sys.executable, "-c", program, str(pool.start)]
    stranger = spawned(words, cwd=tmp_path, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert stranger.stdout is not None
    stranger.stdout.readline()
    done = cli("run", "true", cwd=root)
    first = done.stderr.splitlines()[0]
    assert first.startswith(
        f"[portweave] warning: port {pool.start} (web) is held by pid {stranger.pid} ({words[0]}"
    )
    other_program = spawned(
        [*words[:-1], str(pool.start + 1)], cwd=root, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert other_program.stdout is not None
    other_program.stdout.readline()
    assert cli("run", "true", cwd=root).stderr.count("warning") == 1, "our own is no stranger"


def test_the_offset_pins_the_block_or_the_error_names_its_holder(
    cli: Cli, repo: Repo, pool: Pool
) -> None:
    roots = repo(1)
    for root in roots:
        define(root)
    env = child_env(cli("run", *ENV, cwd=roots[0], env={"PORTWEAVE_OFFSET": "4"}))
    assert env["WEB_PORT"] == str(pool.start + 4)
    refused = cli("run", "true", cwd=roots[1], env={"PORTWEAVE_OFFSET": "5"})
    assert refused.returncode == 1
    assert f"port {pool.start + 5} belongs to the worktree {roots[0]} (PW0203)" in refused.stderr
    with listening(pool.start + 8):
        refused = cli("run", "true", cwd=roots[1], env={"PORTWEAVE_OFFSET": "8"})
    assert f"port {pool.start + 8} is in use by pid {os.getpid()} (" in refused.stderr


def test_an_invalid_pool_is_reported_and_ignored(cli: Cli, repo: Repo) -> None:
    (root,) = repo(0)
    done = cli("run", "--count", "1", "true", cwd=root, env={"PORTWEAVE_POOL_RANGE": "80-90"})
    assert done.stderr.splitlines()[0] == (
        '[portweave] PORTWEAVE_POOL_RANGE="80-90" ignored — using default 30000-60000'
        " (format: <start>-<end>, integers, start >= 1024, end > start)"
    )
    assert done.returncode == 0


def test_an_unwritable_worktree_is_an_error(cli: Cli, repo: Repo) -> None:
    (root,) = repo(0)
    define(root)
    (root / ".portweave").write_text("in the way")
    done = cli("run", "true", cwd=root)
    assert done.returncode == 1
    assert "(PW0505)" in done.stderr
    assert str(root / ".portweave") in done.stderr


def test_a_warm_run_writes_nothing(cli: Cli, repo: Repo, home: Path) -> None:
    (root,) = repo(0)
    define(root)
    cli("run", "true", cwd=root)
    paths = [
        root / ".portweave" / "current.env",
        root / ".portweave",
        home / "config" / "portweave" / "registry.json",
        home / "config" / "portweave",
    ]
    before = [path.stat().st_mtime_ns for path in paths]
    cli("run", "true", cwd=root)
    cli("show", cwd=root)
    assert [path.stat().st_mtime_ns for path in paths] == before
