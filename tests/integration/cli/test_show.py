"""`portweave show` and `portweave prune`: print and release the ports of a worktree."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

from tests.support.commands import Cli
from tests.support.ports import Pool

Repo = Callable[[int], list[Path]]

TWO = {
    "services": {
        "web": {"envVar": "WEB_PORT", "discoveryEnv": {"URL": "http://x:${web}"}},
        "api": {"envVar": "API_PORT"},
    }
}


def define(root: Path, definitions: object = TWO) -> None:
    (root / "portweave.config.json").write_text(json.dumps(definitions))


def entries(home: Path) -> list[dict[str, object]]:
    text = (home / "config" / "portweave" / "registry.json").read_text()
    found: list[dict[str, object]] = json.loads(text)["entries"]
    return found


def test_show_prints_the_ports_that_run_has_printed(cli: Cli, repo: Repo, pool: Pool) -> None:
    (root,) = repo(0)
    define(root)
    cli("run", "true", cwd=root)
    done = cli("show", cwd=root)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == (
        "[portweave] worktree: shop (namespace: main)\n"
        "[portweave] reusing existing allocation:\n"
        f"  web  → {pool.start}     (WEB_PORT)\n"
        f"  api  → {pool.start + 1}     (API_PORT)\n"
    )


def test_show_json_is_byte_for_byte_that_of_npm_portweave(cli: Cli, repo: Repo, pool: Pool) -> None:
    (root,) = repo(0)
    define(root)
    (root / ".env").write_text("not a line, and WEB_PORT=1 is not read\n")
    cli("run", "true", cwd=root)
    web, api = pool.start, pool.start + 1
    fields = {
        "env": {
            "API_PORT": str(api),
            "PORTWEAVE_NAMESPACE": "main",
            "URL": f"http://x:{web}",
            "WEB_PORT": str(web),
        },
        "namespace": "main",
        "ports": {"api": api, "web": web},
        "worktreeRoot": str(root),
    }
    done = cli("show", "--json", cwd=root)
    assert done.stdout == json.dumps(fields, indent=2) + "\n"
    assert (done.returncode, done.stderr) == (0, "")
    assert cli("--json", "show", cwd=root).stdout == done.stdout


def test_show_reports_that_there_are_no_ports(cli: Cli, repo: Repo, home: Path) -> None:
    (root,) = repo(0)
    define(root)
    done = cli("show", cwd=root)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        '[portweave] error: no allocation for this worktree — run "portweave run" first (PW0603)\n'
    )
    done = cli("show", "--json", cwd=root)
    assert (done.returncode, done.stdout, done.stderr) == (1, '{"error":"no-allocation"}\n', "")
    assert not (home / "config").exists(), "looking makes nothing"


def test_show_obeys_config_and_count(cli: Cli, repo: Repo, pool: Pool) -> None:
    (root,) = repo(0)
    (root / "other.json").write_text(json.dumps(TWO))
    cli("run", "--config", "other.json", "true", cwd=root)
    assert f"web  → {pool.start}" in cli("show", "-f", "other.json", cwd=root).stdout
    cli("run", "--count", "2", "true", cwd=root)
    assert "port-2  → " in cli("show", "--count", "2", cwd=root).stdout


def test_show_omits_a_service_without_a_port_or_reports_drift(cli: Cli, repo: Repo) -> None:
    (root,) = repo(0)
    define(root)
    cli("run", "true", cwd=root)
    define(root, {"services": {**TWO["services"], "job": {"envVar": "JOB_PORT"}}})
    done = cli("show", cwd=root)
    assert (done.returncode, done.stderr) == (0, "")
    assert "job" not in done.stdout
    done = cli("show", "--json", cwd=root)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(
        '[portweave] error: service "job" has no port in the allocation'
        " — config/allocation drift detected (PW0501)\n"
    )


def test_errors_of_show_json_are_text(cli: Cli, repo: Repo) -> None:
    (root,) = repo(0)
    done = cli("show", "--json", cwd=root)
    assert (done.returncode, done.stdout) == (1, "")
    assert "(PW0101)" in done.stderr


def test_show_accepts_no_operand(cli: Cli, repo: Repo) -> None:
    (root,) = repo(0)
    done = cli("show", "web", cwd=root)
    assert done.returncode == 1
    assert "(PW0601)" in done.stderr


def test_prune_releases_the_ports(cli: Cli, repo: Repo, home: Path) -> None:
    roots = repo(1)
    for root in roots:
        define(root)
        cli("run", "true", cwd=root)
    done = cli("prune", cwd=roots[0])
    assert (done.returncode, done.stdout) == (0, "")
    assert done.stderr == f"[portweave] pruned allocation for {roots[0]}\n"
    assert len(entries(home)) == 1
    assert (roots[0] / ".portweave").exists()
    done = cli("prune", cwd=roots[0])
    assert done.returncode == 1
    assert done.stderr == (
        "[portweave] error: no allocation for this worktree — nothing to prune (PW0603)\n"
    )
    assert cli("prune", "--path", f"../{roots[1].name}/.", cwd=roots[0]).returncode == 0
    assert entries(home) == []


def test_prune_needs_the_namespace_of_the_allocation(cli: Cli, repo: Repo) -> None:
    (root,) = repo(0)
    define(root)
    cli("run", "true", cwd=root, env={"PORTWEAVE_NAMESPACE": "mine"})
    assert cli("prune", cwd=root).returncode == 1
    assert cli("prune", cwd=root, env={"PORTWEAVE_NAMESPACE": "mine"}).returncode == 0


def test_prune_of_a_deleted_worktree_reports_it(cli: Cli, repo: Repo, home: Path) -> None:
    main, linked = repo(1)
    define(linked)
    cli("run", "true", cwd=linked)
    shutil.rmtree(linked)
    done = cli("prune", "--path", linked, cwd=main)
    assert done.returncode == 0
    assert done.stderr == f"[portweave] pruned allocation for {linked}\n"
    assert entries(home) == []


def test_prune_outside_git_finds_the_definitions_folder(cli: Cli, tmp_path: Path) -> None:
    define(tmp_path)
    below = tmp_path / "below"
    below.mkdir()
    cli("run", "true", cwd=below)
    assert cli("prune", cwd=below).stderr == f"[portweave] pruned allocation for {tmp_path}\n"
