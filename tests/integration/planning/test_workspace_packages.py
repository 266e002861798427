"""The packages of a workspace, read from files."""

import json
from pathlib import Path

import pytest

from portweave.planning.package_scripts import PackageFiles


def package(root: Path, **fields: object) -> None:
    root.mkdir(parents=True, exist_ok=True)
    (root / "package.json").write_text(json.dumps(fields))


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    """Two apps, a package far below, one that is left out, and what is none."""
    (tmp_path / ".git").mkdir()
    package(
        tmp_path / "apps/web", name="@shop/web", scripts={"dev": "vite"}, dependencies={"ui": "*"}
    )
    package(tmp_path / "apps/admin", name="admin", scripts={"dev": "next dev"})
    package(tmp_path / "packages/ui/core", name="ui")
    package(tmp_path / "packages/ui/test/fixture", name="fixture")
    package(tmp_path / "apps/web/node_modules/x", name="x")
    (tmp_path / "apps/none").mkdir()
    return tmp_path


@pytest.mark.parametrize("form", ["array", "object", "pnpm"])
def test_packages_are_found_from_anywhere(workspace: Path, form: str) -> None:
    patterns = ["./apps/*", "packages/**", "!**/test/**"]
    if form == "pnpm":
        package(workspace, name="root")
        (workspace / "pnpm-workspace.yaml").write_text(f"packages: {json.dumps(patterns)}\n")
    else:
        package(workspace, workspaces=patterns if form == "array" else {"packages": patterns})
    files = PackageFiles(str(workspace))
    for folder in ("", "apps/web", "packages"):
        assert [one.name for one in files.members(folder)] == ["admin", "@shop/web", "ui"]
    web = files.members("")[1]
    assert web.folder == str(workspace / "apps/web")
    assert (web.scripts, web.needs) == ({"dev": "vite"}, frozenset({"ui"}))


def test_targets_of_nx_are_scripts(workspace: Path) -> None:
    (workspace / "nx.json").write_text("{}")
    (workspace / "apps/none/vite.config.ts").touch()
    targets = {
        "serve": {"executor": "@nx/next:server"},
        "docs": {"command": "astro dev"},
        "more": {"options": {"command": "vite"}},
        "odd": {"executor": "x"},
        "bad": 1,
    }
    (workspace / "apps/none/project.json").write_text(json.dumps({"name": "n", "targets": targets}))
    found = {one.name: one for one in PackageFiles(str(workspace)).members("")}
    expected = {"serve": "next dev", "docs": "astro dev", "more": "vite", "dev": "vite"}
    assert found["n"].scripts.items() >= expected.items()
    assert "odd" not in found["n"].scripts


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("package.json", "{"),
        ("package.json", '{"workspaces": 1}'),
        ("pnpm-workspace.yaml", "a: ["),
        ("pnpm-workspace.yaml", "x"),
        ("pnpm-workspace.yaml", "packages: [../../..]"),
    ],
)
def test_a_file_without_packages_makes_no_workspace(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / ".git").mkdir()
    (tmp_path / name).write_text(text)
    assert not PackageFiles(str(tmp_path)).members("")
    assert PackageFiles(str(tmp_path)).script("", "dev") is None


@pytest.mark.parametrize(
    ("manager", "has_rc", "is_classic"),
    [
        ("", False, True),
        ("yarn@1.22.22", False, True),
        ("yarn@4.1.0", False, False),
        ("", True, False),
    ],
)
def test_files_tell_the_version_of_yarn(
    workspace: Path, manager: str, has_rc: bool, is_classic: bool
) -> None:
    package(workspace, name="root", **({"packageManager": manager} if manager else {}))
    if has_rc:
        (workspace / ".yarnrc.yml").touch()
    assert PackageFiles(str(workspace)).is_classic_yarn("apps/web") is is_classic
