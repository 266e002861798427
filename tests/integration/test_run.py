"""`portweave run` as a user meets it."""

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.conftest import Cli, Pool

Repo = Callable[[int], list[Path]]

TWO = {"services": {"web": {"envVar": "WEB_PORT"}, "api": {"envVar": "API_PORT"}}}
ENV = (sys.executable, "-c", "import json, os; print(json.dumps(dict(os.environ)))")


def define(root: Path, definitions: dict[str, object] | None = None) -> None:
    (root / "portweave.config.json").write_text(json.dumps(definitions or TWO))


def child_env(done: subprocess.CompletedProcess[str]) -> dict[str, str]:
    assert done.returncode == 0, done.stderr
    env: dict[str, str] = json.loads(done.stdout)
    return env


@contextmanager
def listening(port: int, address: str = "127.0.0.1") -> Generator[None]:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family) as server:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        server.bind((address, port))
        server.listen()
        yield


def test_the_command_gets_the_ports_and_the_user_sees_them(
    cli: Cli, repo: Repo, pool: Pool
) -> None:
    (root,) = repo(0)
    define(root)
    done = cli("run", "--", *ENV, cwd=root)
    env = child_env(done)
    assert (env["WEB_PORT"], env["API_PORT"]) == (str(pool.start), str(pool.start + 1))
    assert (env["PORTWEAVE_NAMESPACE"], env["PORTWEAVE_WORKTREE"]) == ("main", str(root))
    assert done.stderr == (
        "[portweave] worktree: shop (namespace: main)\n"
        "[portweave] allocated:\n"
        f"  web  → {pool.start}     (WEB_PORT)\n"
        f"  api  → {pool.start + 1}     (API_PORT)\n"
        "[portweave] wrote .portweave/current.env\n"
        f"[portweave] launching: {' '.join(ENV)}\n"
    )
    folder = root / ".portweave"
    assert (folder / ".gitignore").read_text() == "*\n"
    assert (folder / "current.env").read_text() == (
        f"API_PORT={pool.start + 1}\nPORTWEAVE_NAMESPACE=main\nWEB_PORT={pool.start}\n"
    )
    assert folder.stat().st_mode & 0o777 == 0o700
    assert (folder / "current.env").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    ("words", "file"),
    [
        (["show", "--verbose"], "{root}/portweave.config.json"),
        (["--verbose", "port", "wbe", "--json"], "{root}/portweave.config.json"),
        (["--verbose", "ps", "--config", "other.yaml"], "{below}/other.yaml"),
        (["--verbose", "--count", "2", "show"], "<anonymous-mode>"),
    ],
)
def test_verbose_says_with_an_error_where_it_has_looked(
    cli: Cli, repo: Repo, home: Path, words: list[str], file: str
) -> None:
    (root,) = repo(0)
    define(root)
    below = root / "below"
    below.mkdir()
    done = cli(*words, cwd=below)
    assert done.returncode == 1
    key = f'{{"gitCommonDir":"{root}/.git","namespace":"main","worktreeRoot":"{root}"}}'
    assert done.stderr.splitlines()[-3:] == [
        f"[portweave] config: {file.format(root=root, below=below)}",
        f"[portweave] registry: {home}/config/portweave/registry.json",
        f"[portweave] key: {key}",
    ]


def test_verbose_says_where_everything_lies(cli: Cli, repo: Repo, home: Path) -> None:
    (root,) = repo(0)
    define(root)
    lines = cli("run", "--verbose", "true", cwd=root).stderr.splitlines()
    key = f'{{"gitCommonDir":"{root}/.git","namespace":"main","worktreeRoot":"{root}"}}'
    assert lines[-4:] == [
        f"[portweave] config: {root}/portweave.config.json",
        f"[portweave] registry: {home}/config/portweave/registry.json",
        f"[portweave] key: {key}",
        "[portweave] launching: true",
    ]


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


def test_the_definitions_are_found_from_below(cli: Cli, repo: Repo) -> None:
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


def test_instances_have_ports_behind_the_first(cli: Cli, repo: Repo, pool: Pool) -> None:
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


def test_what_is_inherited_wins_over_the_file_and_the_file_over_the_computed(
    cli: Cli, repo: Repo
) -> None:
    (root,) = repo(0)
    define(
        root,
        {
            "services": {
                "web": {
                    "envVar": "WEB_PORT",
                    "discoveryEnv": {
                        "WEB_URL": "http://localhost:${web}/${namespace}",
                        "LEVEL": "1",
                    },
                }
            }
        },
    )
    (root / ".env").write_text("WEB_PORT=1\nLEVEL=2\nSECRET=3\nPORTWEAVE_NAMESPACE=4\n")
    done = cli("run", *ENV, cwd=root, env={"WEB_PORT": "", "PORTWEAVE_NAMESPACE": "Own"})
    env = child_env(done)
    assert (env["WEB_PORT"], env["LEVEL"]) == ("", "2")
    assert env["WEB_URL"].endswith("/own")
    assert env["PORTWEAVE_NAMESPACE"] == "own"
    assert "SECRET" not in env
    written = (root / ".portweave" / "current.env").read_text()
    assert written == (f"LEVEL=2\nPORTWEAVE_NAMESPACE=own\nWEB_PORT=1\nWEB_URL={env['WEB_URL']}\n")


def test_what_an_outer_run_injected_is_nobodys_wish(cli: Cli, repo: Repo) -> None:
    roots = repo(1)
    for root in roots:
        define(root)
    outer, inner = [child_env(cli("run", *ENV, cwd=root)) for root in roots]
    nested = cli(
        "run",
        "sh",
        "-c",
        f'cd "$1" && exec {" ".join(cli.argv)} run "$2" "$3" "$4"',
        "sh",
        roots[1],
        *ENV,
        cwd=roots[0],
    )
    env = child_env(nested)
    assert env["WEB_PORT"] == inner["WEB_PORT"] != outer["WEB_PORT"]
    assert env["PORTWEAVE_NAMESPACE"] == inner["PORTWEAVE_NAMESPACE"]


def test_anonymous_ports_need_no_definitions(cli: Cli, repo: Repo, pool: Pool) -> None:
    (root,) = repo(0)
    env = child_env(cli("run", "--count", "3", "--", *ENV, cwd=root))
    assert [env[f"PORT_{number}"] for number in (1, 2, 3)] == [
        str(pool.start + number) for number in range(3)
    ]


def test_busy_ports_are_passed_over(cli: Cli, repo: Repo, pool: Pool) -> None:
    (root,) = repo(0)
    define(root)
    with listening(pool.start + 1, "::1"), listening(pool.start + 3, "0.0.0.0"):  # noqa: S104
        env = child_env(cli("run", *ENV, cwd=root))
    assert env["WEB_PORT"] == str(pool.start + 4)


def test_a_block_with_a_listener_grows_where_it_stands(cli: Cli, repo: Repo, pool: Pool) -> None:
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


def test_a_stranger_in_the_block_is_named(
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
    mine = spawned(
        [*words[:-1], str(pool.start + 1)], cwd=root, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert mine.stdout is not None
    mine.stdout.readline()
    assert cli("run", "true", cwd=root).stderr.count("warning") == 1, "our own is no stranger"


def test_the_offset_pins_the_block_or_names_who_is_there(cli: Cli, repo: Repo, pool: Pool) -> None:
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


@pytest.mark.parametrize(
    ("args", "env", "message"),
    [
        (["run"], {}, "no command provided after -- (PW0601)"),
        (["run", "--"], {}, "no command provided after -- (PW0601)"),
        (
            ["run", "--config", "x", "--count", "2", "--", "true"],
            {},
            "--config and --count are mutually exclusive (PW0601)",
        ),
        (
            ["run", "--config", "x", "--count", "2"],
            {},
            "--config and --count are mutually exclusive (PW0601)",
        ),
        (
            ["run", "--count", "0", "true"],
            {},
            "--count must be a positive integer, received 0 (PW0601)",
        ),
        (
            ["run", "--count", "-1", "true"],
            {},
            "--count must be a positive integer, received -1 (PW0601)",
        ),
        (
            ["run", "--count", "2.5", "true"],
            {},
            "--count must be a positive integer, received 2.5 (PW0601)",
        ),
        (
            ["run", "--count", "101", "true"],
            {},
            "count must be an integer in [1, 100], received 101 (PW0102)",
        ),
        (
            ["run", "true"],
            {"PORTWEAVE_OFFSET": " -1"},
            'PORTWEAVE_OFFSET must be a non-negative integer (got " -1") (PW0202)',
        ),
        (["run", "true"], {}, "no portweave.config.json at {root}/portweave.config.json (PW0101)"),
        (
            ["run", "--count", "2", "true"],
            {"PORTWEAVE_POOL_RANGE": "2000-2001"},
            "Port pool exhausted: no contiguous block available in registry (PW0401)",
        ),
        (
            ["run", "--count", "2", "true"],
            {"PORTWEAVE_POOL_RANGE": "70000-80000"},
            "Port pool exhausted: no contiguous block available in registry (PW0401)",
        ),
    ],
)
def test_errors_end_in_their_code(
    args: list[str], env: dict[str, str], message: str, cli: Cli, repo: Repo
) -> None:
    (root,) = repo(0)
    done = cli(*args, cwd=root, env=env)
    assert done.returncode == 1
    assert done.stdout == ""
    first = done.stderr.splitlines()[0]
    assert first == f"[portweave] error: {message.format(root=root)}"


def test_a_bad_pool_is_said_and_left_aside(cli: Cli, repo: Repo) -> None:
    (root,) = repo(0)
    done = cli("run", "--count", "1", "true", cwd=root, env={"PORTWEAVE_POOL_RANGE": "80-90"})
    assert done.stderr.splitlines()[0] == (
        '[portweave] PORTWEAVE_POOL_RANGE="80-90" ignored — using default 30000-60000'
        " (format: <start>-<end>, integers, start >= 1024, end > start)"
    )
    assert done.returncode == 0


@pytest.mark.parametrize(
    ("words", "errno_name"),
    [
        pytest.param(["no-such-command"], "ENOENT", id="missing"),
        pytest.param(["./plain"], "EACCES", id="not executable"),
        pytest.param(["./folder"], "EACCES", id="a folder"),
        pytest.param(["./orphan"], "ENOENT", id="a missing interpreter"),
        pytest.param([""], "ENOENT", id="empty"),
        pytest.param(["--", "echo"], "ENOENT", id="a second dash dash"),
        pytest.param(["plain/below"], "ENOTDIR", id="below a file"),
    ],
)
def test_a_command_that_cannot_be_started_is_127(
    words: list[str], errno_name: str, cli: Cli, repo: Repo
) -> None:
    (root,) = repo(0)
    define(root)
    (root / "plain").write_text("")
    (root / "folder").mkdir()
    (root / "orphan").write_text("#!/no/such/interpreter\n")
    (root / "orphan").chmod(0o755)
    done = cli("run", "--", *words, cwd=root)
    assert done.returncode == 127
    lines = done.stderr.splitlines()
    assert lines[-1] == (
        f'[portweave] error: failed to spawn "{words[0]}": spawn {words[0]} {errno_name} (PW0602)'
    )
    assert lines[-2].startswith("[portweave] launching:")
    assert (root / ".portweave" / "current.env").exists()


@pytest.mark.parametrize(
    ("args", "expected"),
    [
        (["run", "echo", "a", "b"], "a b"),
        (["run", "echo", "a", "--", "b"], "a b"),
        (["run", "--", "echo", "a", "--", "--help", "-V"], "a -- --help -V"),
        (["run", "echo", "-x", "--", "--help"], "-x -- --help"),
        (["--", "run", "echo", "x"], "x"),
        (["--count", "2", "run", "echo", "x"], "x"),
        (["run", "--count=2", "echo", "x"], "x"),
    ],
)
def test_the_commands_words(args: list[str], expected: str, cli: Cli, repo: Repo) -> None:
    (root,) = repo(0)
    define(root)
    assert cli(*args, cwd=root).stdout == f"{expected}\n"


@pytest.mark.parametrize(
    "args", [["run", "--help"], ["run", "echo", "-h"], ["help", "run"], ["-h", "run"]]
)
def test_help(args: list[str], cli: Cli, tmp_path: Path) -> None:
    done = cli(*args, cwd=tmp_path)
    assert done.returncode == 0
    assert done.stdout.startswith("Usage: portweave")


def test_run_becomes_the_command(cli: Cli, repo: Repo) -> None:
    (root,) = repo(0)
    define(root)
    argv = [*cli.argv, "run", "--", "sh", "-c", "echo $$"]
    with subprocess.Popen(
        argv, cwd=root, env=cli.environ, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as process:
        assert process.stdout is not None
        assert int(process.stdout.read()) == process.pid


@pytest.mark.parametrize("number", [signal.SIGSEGV, signal.SIGUSR1, signal.SIGTERM])
def test_the_exit_status_is_the_commands_own(number: signal.Signals, cli: Cli, repo: Repo) -> None:
    (root,) = repo(0)
    define(root)
    assert cli("run", "sh", "-c", "exit 7", cwd=root).returncode == 7
    assert cli("run", "sh", "-c", f"kill -{number:d} $$", cwd=root).returncode == -number


def test_the_command_begins_as_if_nobody_had_been_there(cli: Cli, repo: Repo) -> None:
    (root,) = repo(0)
    define(root)
    (root / "script").write_text(
        "env; ls /proc/self/fd; grep -E 'SigIgn|SigBlk' /proc/self/status\n"
    )
    (root / "script").chmod(0o755)
    reader, writer = os.pipe()
    environ = cli.env({"LANG": None, "LC_ALL": None, "LC_CTYPE": None})
    # A text without a first line that names its interpreter: /bin/sh takes it.
    done = subprocess.run(
        ["/bin/sh", "-c", "trap '' USR1; exec \"$@\"", "sh", *cli.argv, "run", "./script"],
        cwd=root,
        env=environ,
        pass_fds=(reader, writer),
        capture_output=True,
        text=True,
        check=True,
    )
    os.close(reader)
    os.close(writer)
    lines = done.stdout.splitlines()
    assert not [line for line in lines if line.startswith("LC_CTYPE=")]
    assert [line for line in lines if line.isdigit()] == ["0", "1", "2", "3"], "3 is that of ls"
    for line in lines:
        if line.startswith("Sig"):
            # 32 and 33 are the C library's own: nobody can set them, and a make(1) that starts us
            # may have left them ignored.
            assert int(line.split()[1], 16) & 0x7FFFFFFF == 0, line


def test_the_path_is_the_childs(cli: Cli, repo: Repo, tmp_path: Path) -> None:
    (root,) = repo(0)
    bin_dir = tmp_path / "bin"
    bin_dir.mkdir()
    (bin_dir / "tool").write_text("#!/bin/sh\necho found\n")
    (bin_dir / "tool").chmod(0o755)
    define(root, {"services": {"web": {"envVar": "P", "discoveryEnv": {"PATH": str(bin_dir)}}}})
    git_free = cli("run", "tool", cwd=root, env={"PATH": None})
    assert git_free.stdout == "found\n"


def test_a_worktree_that_cannot_be_written_is_an_error(cli: Cli, repo: Repo) -> None:
    (root,) = repo(0)
    define(root)
    (root / ".portweave").write_text("in the way")
    done = cli("run", "true", cwd=root)
    assert done.returncode == 1
    assert "(PW0505)" in done.stderr
    assert str(root / ".portweave") in done.stderr


def test_a_bad_dotenv_is_named_without_its_value(cli: Cli, repo: Repo) -> None:
    (root,) = repo(0)
    define(root)
    (root / ".env").write_text("GOOD=1\nSECRET hunter2\n")
    done = cli("run", "true", cwd=root)
    assert done.returncode == 1
    assert "malformed .env line 2" in done.stderr
    assert "(PW0502)" in done.stderr
    assert "hunter2" not in done.stderr
    assert not (root / ".portweave" / "current.env").exists()
    assert "reusing" in cli("show", cwd=root).stdout, "the ports are recorded by then"


def test_a_dotenv_that_cannot_be_read_is_an_error(cli: Cli, repo: Repo) -> None:
    (root,) = repo(0)
    define(root)
    (root / ".env").mkdir()
    done = cli("run", "true", cwd=root)
    assert done.returncode == 1
    assert f"failed to read {root}/.env: Is a directory (PW0504)" in done.stderr


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


def test_nobody_needs_to_read_what_is_said(cli: Cli, repo: Repo) -> None:
    (root,) = repo(0)
    define(root)
    done = subprocess.run(
        ["/bin/sh", "-c", 'exec "$@" 2>&-', "sh", *cli.argv, "run", "echo", "ok"],
        cwd=root,
        env=cli.environ,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "ok\n"
