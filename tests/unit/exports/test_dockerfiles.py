"""Dockerfiles of recognised stacks."""

import pytest

from portweave.exports.dockerfiles import (
    STACKS,
    dockerfile,
    ignored,
    language_of,
    probe_command,
    program_stack,
    stack_in,
)


@pytest.mark.parametrize(
    ("files", "language", "manager", "step"),
    [
        ("requirements.txt app.py", "", "pip", "pip install -r requirements.txt"),
        ("pyproject.toml uv.lock", "python", "uv", "uv sync --frozen"),
        ("pyproject.toml poetry.lock", "python", "poetry", "poetry install"),
        ("pyproject.toml", "", "project", "pip install ."),
        ("package.json package-lock.json", "node", "npm", "npm ci"),
        ("package.json", "node", "npm", "npm install"),
        ("package.json pnpm-lock.yaml", "node", "pnpm", "pnpm install --frozen-lockfile"),
        ("package.json yarn.lock", "node", "yarn", "yarn install --frozen-lockfile"),
        ("package.json yarn.lock .yarnrc.yml", "node", "yarn", "yarn install --immutable"),
        ("go.mod go.sum", "", "go", "go mod download"),
        ("Gemfile Gemfile.lock", "ruby", "bundler", "bundle install"),
        ("package.json requirements.txt", "node", "npm", "npm install"),
        ("package.json requirements.txt", "python", "pip", "requirements.txt"),
    ],
)
def test_the_files_of_a_folder_tell_the_stack(
    files: str, language: str, manager: str, step: str
) -> None:
    names = frozenset(files.split())
    stack = stack_in(names, language)
    assert stack is not None
    assert stack.manager == manager
    lines = dockerfile(stack, names, {}, (".data",)).splitlines()
    assert lines[0].startswith("FROM ")
    assert not lines[0].endswith(":latest")
    assert any(step in line for line in lines)
    # The program and the installed packages belong to an ordinary user.
    assert lines.count("USER 10001:10001") == 1
    assert lines[-1] == "RUN mkdir -p .data"
    for line in lines:
        for word in line.split()[2:-1] if line.startswith("COPY") else ():
            assert word == "." or word in names


def test_another_language_is_no_stack() -> None:
    assert stack_in(frozenset({"package.json"}), "python") is None
    assert stack_in(frozenset({"README.md"}), "") is None
    assert program_stack("ruby") is None
    python = program_stack("python")
    assert python is not None
    assert "COPY --chown=10001:10001 . ./" in dockerfile(python, frozenset(), {}, ())


@pytest.mark.parametrize(
    ("name", "text", "image"),
    [
        (".python-version", "3.11\n", "python:3.11-slim-bookworm"),
        (".python-version", "pypy\n", "python:3.12.11-slim-bookworm"),
        (".nvmrc", "v20\n", "node:20-bookworm-slim"),
        (".ruby-version", "3.3.1", "ruby:3.3.1-bookworm"),
        ("go.mod", "module x\n\ngo 1.23\n", "golang:1.23-bookworm"),
    ],
)
def test_the_version_is_that_of_the_project(name: str, text: str, image: str) -> None:
    language = {".nvmrc": "node", ".ruby-version": "ruby", "go.mod": "go"}.get(name, "python")
    stack = next(one for one in STACKS if one.language == language)
    assert dockerfile(stack, frozenset(), {name: text}, ()).splitlines()[0] == f"FROM {image}"


@pytest.mark.parametrize(
    ("words", "language"),
    [
        (["python3.12", "x.py"], "python"),
        ([".venv/bin/python", "x.py"], "python"),
        (["npm", "run", "dev"], "node"),
        (["A=1", "bundle", "exec"], "ruby"),
        (["./run.sh", "node"], ""),
        ([], ""),
    ],
)
def test_the_command_tells_the_language(words: list[str], language: str) -> None:
    assert language_of(words) == language


def test_secrets_and_data_stay_out_of_the_image() -> None:
    lines = ignored(["secrets.env", ".data", ".env"]).splitlines()
    assert {".env", "**/.env", ".git", "secrets.env", ".data"} <= set(lines)
    assert len(lines) == len(set(lines))


def test_probes_use_the_runtime_of_the_image() -> None:
    for language in ("python", "node", "go", "ruby"):
        http = probe_command(language, "http://127.0.0.1:7/up", None)
        tcp = probe_command(language, None, 7)
        assert http is not None
        assert "http://127.0.0.1:7/up" in http[-1]
        assert tcp is not None
        assert "7" in tcp[-1]
    assert probe_command("", None, 7) is None
