"""`portweave run`: the command, its environment, messages and errors."""

import os
import signal
import subprocess
from pathlib import Path

import pytest

from tests.support.commands import Cli
from tests.support.ports import Pool
from tests.support.run_command import (
    ENV,
    Repo,
    child_env,
    define,
)


def test_the_command_gets_the_ports_and_run_prints_them(cli: Cli, repo: Repo, pool: Pool) -> None:
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


def test_control_characters_are_printed_as_escapes(cli: Cli, repo: Repo) -> None:
    (root,) = repo(0)
    define(root)
    done = cli("run", "--", "true", "\x1b]0;X\x07", cwd=root)
    assert done.stderr.splitlines()[-1] == r"[portweave] launching: true \x1b]0;X\x07"


def test_the_command_finds_the_hub_of_its_worktree_only(cli: Cli, repo: Repo) -> None:
    (root,) = repo(0)
    define(root)
    env = child_env(cli("run", "--", *ENV, cwd=root))
    assert env["PORTWEAVE_SOCKET"].endswith(".sock")
    hub_variables = {"PORTWEAVE_SOCKET": "/s", "PORTWEAVE_NAME": "web", "PORTWEAVE_TOKEN": "t"}
    outer = {**hub_variables, "PORTWEAVE_WORKTREE": "/elsewhere", "PORTWEAVE_NAMESPACE": "main"}
    inner = {**hub_variables, "PORTWEAVE_WORKTREE": str(root), "PORTWEAVE_NAMESPACE": "main"}
    for given, expected in (
        (outer, {"PORTWEAVE_SOCKET": env["PORTWEAVE_SOCKET"]}),
        ({"PORTWEAVE_NAME": "web"}, {"PORTWEAVE_SOCKET": env["PORTWEAVE_SOCKET"]}),
        (inner, hub_variables),
        (hub_variables, hub_variables),
    ):
        found = child_env(cli("run", "--", *ENV, cwd=root, env=given))
        assert {name: found[name] for name in hub_variables if name in found} == expected


@pytest.mark.parametrize(
    ("words", "file"),
    [
        (["show", "--verbose"], "{root}/portweave.config.json"),
        (["--verbose", "port", "wbe", "--json"], "{root}/portweave.config.json"),
        (["--verbose", "ps", "--config", "other.yaml"], "{below}/other.yaml"),
        (["--verbose", "--count", "2", "show"], "<anonymous-mode>"),
    ],
)
def test_verbose_adds_the_searched_places_to_an_error(
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


def test_verbose_prints_the_paths(cli: Cli, repo: Repo, home: Path) -> None:
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


def test_inherited_variables_override_the_file_and_the_file_overrides_computed_ones(
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


def test_variables_of_an_outer_run_do_not_override(cli: Cli, repo: Repo) -> None:
    roots = repo(1)
    for root in roots:
        define(root)
    outer, inner = [child_env(cli("run", *ENV, cwd=root)) for root in roots]
    nested = cli(
        "run",
        "sh",
        "-c",
        f'cd "$1" && shift && exec {" ".join(cli.argv)} run "$@"',
        "sh",
        roots[1],
        *ENV,
        cwd=roots[0],
    )
    env = child_env(nested)
    assert env["WEB_PORT"] == inner["WEB_PORT"] != outer["WEB_PORT"]
    assert env["PORTWEAVE_NAMESPACE"] == inner["PORTWEAVE_NAMESPACE"]


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
def test_an_error_message_ends_with_its_code(
    args: list[str], env: dict[str, str], message: str, cli: Cli, repo: Repo
) -> None:
    (root,) = repo(0)
    done = cli(*args, cwd=root, env=env)
    assert done.returncode == 1
    assert done.stdout == ""
    first = done.stderr.splitlines()[0]
    assert first == f"[portweave] error: {message.format(root=root)}"


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
def test_a_command_that_cannot_start_is_an_error_with_status_127(
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
def test_words_after_the_command_belong_to_the_command(
    args: list[str], expected: str, cli: Cli, repo: Repo
) -> None:
    (root,) = repo(0)
    define(root)
    assert cli(*args, cwd=root).stdout == f"{expected}\n"


@pytest.mark.parametrize(
    "args", [["run", "--help"], ["run", "echo", "-h"], ["help", "run"], ["-h", "run"]]
)
def test_help_options_print_usage(args: list[str], cli: Cli, tmp_path: Path) -> None:
    done = cli(*args, cwd=tmp_path)
    assert done.returncode == 0
    assert done.stdout.startswith("Usage: portweave")


def test_run_replaces_itself_by_the_command(cli: Cli, repo: Repo) -> None:
    (root,) = repo(0)
    define(root)
    argv = [*cli.argv, "run", "--", "sh", "-c", "echo $$"]
    with subprocess.Popen(
        argv, cwd=root, env=cli.environ, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as process:
        assert process.stdout is not None
        assert int(process.stdout.read()) == process.pid


@pytest.mark.parametrize("number", [signal.SIGSEGV, signal.SIGUSR1, signal.SIGTERM])
def test_run_has_the_exit_status_of_the_command(
    number: signal.Signals, cli: Cli, repo: Repo
) -> None:
    (root,) = repo(0)
    define(root)
    assert cli("run", "sh", "-c", "exit 7", cwd=root).returncode == 7
    assert cli("run", "sh", "-c", f"kill -{number:d} $$", cwd=root).returncode == -number


def test_the_command_starts_with_default_signals_and_no_extra_descriptors(
    cli: Cli, repo: Repo
) -> None:
    (root,) = repo(0)
    define(root)
    (root / "script").write_text(
        "env; ls /proc/self/fd; grep -E 'SigIgn|SigBlk' /proc/self/status\n"
    )
    (root / "script").chmod(0o755)
    reader, writer = os.pipe()
    environ = cli.env({"LANG": None, "LC_ALL": None, "LC_CTYPE": None})
    # A script without `#!`: /bin/sh runs it.
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
            # Signals 32 and 33 belong to the C library, and programs cannot set them. A make(1)
            # that starts these tests may leave them ignored.
            assert int(line.split()[1], 16) & 0x7FFFFFFF == 0, line


def test_the_command_is_found_in_its_own_path_variable(
    cli: Cli, repo: Repo, tmp_path: Path
) -> None:
    (root,) = repo(0)
    bin_dir = tmp_path / "bin"
    bin_dir.mkdir()
    (bin_dir / "tool").write_text("#!/bin/sh\necho found\n")
    (bin_dir / "tool").chmod(0o755)
    define(root, {"services": {"web": {"envVar": "P", "discoveryEnv": {"PATH": str(bin_dir)}}}})
    git_free = cli("run", "tool", cwd=root, env={"PATH": None})
    assert git_free.stdout == "found\n"


def test_an_error_in_an_env_file_does_not_print_the_value(cli: Cli, repo: Repo) -> None:
    (root,) = repo(0)
    define(root)
    (root / ".env").write_text("GOOD=1\nWEB_PORT hunter2\n")
    done = cli("run", "true", cwd=root)
    assert done.returncode == 1
    assert "malformed .env line 2" in done.stderr
    assert "(PW0502)" in done.stderr
    assert "hunter2" not in done.stderr
    assert not (root / ".portweave" / "current.env").exists()
    assert "reusing" in cli("show", cwd=root).stdout, "the ports are recorded by then"


def test_an_unreadable_env_file_is_an_error(cli: Cli, repo: Repo) -> None:
    (root,) = repo(0)
    define(root)
    (root / ".env").mkdir()
    done = cli("run", "true", cwd=root)
    assert done.returncode == 1
    assert f"failed to read {root}/.env: Is a directory (PW0504)" in done.stderr


def test_a_command_runs_with_standard_error_closed(cli: Cli, repo: Repo) -> None:
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
