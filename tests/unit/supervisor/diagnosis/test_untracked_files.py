"""Untracked files that a worktree lacks."""

import pytest

from portweave.supervisor.diagnosis.untracked_files import (
    UntrackedFile,
    describe_untracked,
    missing_untracked,
)

MAIN = {"/shop/node_modules", "/shop/.venv", "/shop/.env", "/shop/vendor", "/shop/api/node_modules"}


@pytest.mark.parametrize(
    ("files", "folder", "found"),
    [
        (
            {"/red/package-lock.json"},
            "/red",
            [("node_modules", "npm ci"), (".venv", "python3 -m venv .venv"),
             (".env", "cp /shop/.env /red/.env")],
        ),
        (
            {"/red/pnpm-lock.yaml", "/red/.venv", "/red/.env"},
            "/red",
            [("node_modules", "pnpm install")],
        ),
        ({"/red/uv.lock", "/red/.env"}, "/red", [(".venv", "uv sync")]),
        (
            {"/red/requirements.txt", "/red/.env"},
            "/red",
            [(".venv", "python3 -m venv .venv && .venv/bin/pip install -r requirements.txt")],
        ),
        ({"/red/Gemfile", "/red/.env", "/red/.venv"}, "/red", [("vendor", "bundle install")]),
        (
            {"/red/api/package.json", "/red/.env", "/red/.venv", "/red/node_modules"},
            "/red/api",
            [("api/node_modules", "cd /red/api && npm install")],
        ),
        ({"/red/.env", "/red/.venv"}, "/elsewhere", []),
    ],
)  # fmt: skip
def test_a_missing_file_is_found_with_its_command(
    files: set[str], folder: str, found: list[tuple[str, str]]
) -> None:
    lacking = missing_untracked("/red", "/shop", folder, (files | MAIN).__contains__)
    assert [(one.name, one.command) for one in lacking] == found


def test_the_main_worktree_lacks_nothing() -> None:
    assert missing_untracked("/shop", "/shop", "/shop", lambda _: False) == ()


def test_missing_files_are_described_in_one_line() -> None:
    found = (UntrackedFile("node_modules", "npm ci"), UntrackedFile(".env", "cp a b"))
    assert describe_untracked(found) == (
        "this worktree lacks node_modules, .env, which git does not track: npm ci; cp a b"
    )
    assert describe_untracked(()) == ""
