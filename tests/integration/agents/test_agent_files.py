"""`portweave agents init` and `integrate`: files of a real project."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.support.commands import Cli, Git

Repo = Callable[..., list[Path]]


def files_of(root: Path) -> dict[str, str]:
    return {
        str(path.relative_to(root)): path.read_text()
        for path in root.rglob("*")
        if path.is_file() and ".git/" not in f"{path}/"
    }


@pytest.mark.slow
def test_agents_learn_of_portweave_and_forget_it(repo: Repo, cli: "Cli") -> None:
    (root,) = repo()
    (root / "CLAUDE.md").write_text("# Ours\n")
    (root / ".mcp.json").write_text(
        '{\n    "mcpServers": {\n        "x": {"command": "y"}\n    }\n}\n'
    )
    before = files_of(root)
    shown = cli("agents", "init", "--print", cwd=root)
    assert "+<!-- portweave:begin" in shown.stdout
    assert files_of(root) == before
    assert cli("agents", "init", "--check", cwd=root).returncode == 1
    (root / "deep").mkdir()
    done = cli("agents", "init", "claude", "codex", cwd=root / "deep")
    assert done.returncode == 0
    assert "CLAUDE.md written" in done.stderr
    assert set(files_of(root)) - set(before) == {
        ".claude/skills/portweave/SKILL.md",
        ".codex/config.toml",
    }
    assert json.loads((root / ".mcp.json").read_text())["mcpServers"] == {
        "x": {"command": "y"},
        "portweave": {"command": "portweave", "args": ["mcp"]},
    }
    assert '        "x": {"command": "y"},\n' in (root / ".mcp.json").read_text()
    assert cli("agents", "init", "--check", "claude", "codex", cwd=root).returncode == 0
    rows = json.loads(cli("agents", "init", "--json", cwd=root).stdout)["changes"]
    assert {row["state"] for row in rows} == {"current"}
    assert cli("agents", "init", "--remove", cwd=root).returncode == 0
    assert files_of(root) == before
    assert not (root / ".claude").exists()


def test_what_the_user_has_edited_is_kept_and_told(repo: Repo, cli: "Cli") -> None:
    (root,) = repo()
    assert cli("agents", "init", cwd=root).returncode == 0
    guide = root / "AGENTS.md"
    guide.write_text(guide.read_text().replace("Never start", "Always start"))
    edited = guide.read_text()
    for words in ((), ("--remove",), ("--check",)):
        done = cli("agents", "init", *words, cwd=root)
        assert "AGENTS.md was edited since portweave wrote it" in done.stderr
        assert guide.read_text() == edited


def test_a_broken_file_is_told_and_none_is_changed(repo: Repo, cli: "Cli") -> None:
    (root,) = repo()
    (root / ".mcp.json").write_text('{"mcpServers": [')
    done = cli("agents", "init", cwd=root)
    assert done.returncode == 1
    assert "(PW0615)" in done.stderr
    assert ".mcp.json cannot be changed: there is no value" in done.stderr
    assert not (root / "AGENTS.md").exists()


def test_a_file_that_is_a_link_stays_one(repo: Repo, cli: "Cli") -> None:
    (root,) = repo()
    (root / "GUIDE.md").write_text("# Ours\n")
    (root / "AGENTS.md").symlink_to("GUIDE.md")
    assert cli("agents", "init", cwd=root).returncode == 0
    assert (root / "AGENTS.md").is_symlink()
    assert "portweave:begin" in (root / "GUIDE.md").read_text()


@pytest.mark.parametrize("words", [(), ("start",), ("init", "emacs"), ("init", "--", "x")])
def test_other_words_are_refused(repo: Repo, cli: "Cli", words: tuple[str, ...]) -> None:
    (root,) = repo()
    assert "(PW0601)" in cli("agents", *words, cwd=root).stderr


def test_files_of_other_tools_keep_what_is_not_ours(repo: Repo, cli: "Cli") -> None:
    (root,) = repo()
    (root / "conductor.json").write_text('{"scripts": {"run": "npm run dev"}}')
    done = cli("integrate", "conductor", "--write", cwd=root)
    assert "conductor.json (scripts.run) has something else in its place" in done.stderr
    scripts = json.loads((root / "conductor.json").read_text())["scripts"]
    assert scripts == {
        "run": "npm run dev", "setup": "portweave setup", "archive": "portweave down",
    }  # fmt: skip
    (root / ".config").mkdir()
    (root / ".config/wt.toml").write_text('post-start = "npm ci"\n')
    done = cli("integrate", "worktrunk", "--write", cwd=root)
    assert ".config/wt.toml has something else in its place" in done.stderr
    assert (root / ".config/wt.toml").read_text() == 'post-start = "npm ci"\n'


def test_the_hook_of_git_is_written_only_where_none_is(
    repo: Repo, cli: "Cli", git: "Git", tmp_path: Path
) -> None:
    (root,) = repo()
    hook = root / ".git/hooks/post-checkout"
    shown = cli("integrate", "git", cwd=root)
    assert "+++ b/.git/hooks/post-checkout" in shown.stdout
    assert not hook.exists()
    assert cli("integrate", "git", "--write", cwd=root).returncode == 0
    assert hook.stat().st_mode & 0o111
    assert cli("integrate", "git", "--check", cwd=root).returncode == 0
    assert cli("integrate", "git", "--remove", cwd=root).returncode == 0
    assert not hook.exists()
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\n")
    done = cli("integrate", "git", "--write", cwd=root)
    assert "has something else in its place" in done.stderr
    assert hook.read_text() == "#!/bin/sh\n"
    git("config", "core.hooksPath", ".husky", cwd=root)
    done = cli("integrate", "git", "--write", cwd=root)
    assert "git's hooks come from core.hooksPath, .husky" in done.stderr
    assert "is no git worktree" in cli("integrate", "git", "--write", cwd=tmp_path).stderr


def test_json_has_states_and_the_difference(repo: Repo, cli: "Cli") -> None:
    (root,) = repo()
    found = json.loads(cli("integrate", "cursor", "--json", cwd=root).stdout)
    assert found["changes"] == [
        {
            "path": ".cursor/worktrees.json", "piece": "setup-worktree", "state": "missing",
            "text": "is missing",
        }
    ]  # fmt: skip
    assert '+  "setup-worktree": ["portweave setup"]' in found["diff"]
