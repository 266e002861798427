"""Completion of `portweave` command lines in real shells."""

import os
import subprocess
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from portweave.arguments.args import Operands
from portweave.arguments.global_options import (
    GLOBAL_OPTIONS,
    VERBS,
)
from portweave.cli.shells.grammar import (
    Flag,
    Grammar,
    Verb,
)
from tests.support.shells import (
    SHELLS,
    Shell,
    bash_shows,
    program,
)

if TYPE_CHECKING:
    from tests.support.commands import Cli
    from tests.support.detached_stacks import Detached

StartShell = Callable[[Path], Shell]
STACK = """
services:
  web: {command: sleep 300, port: false, scale: 2}
  api: {command: sleep 300}
  db: {command: sleep 300, port: false, profiles: [data]}
  mail: {command: sleep 300, port: false, profiles: [data, extras]}
"""


@pytest.fixture
def shell_of(
    cli: "Cli", tmp_path: Path, need: Callable[..., None]
) -> Iterator[Callable[[str, Path], Shell]]:
    """Start a shell in a folder with portweave's completion: `shell_of("zsh", root)`."""
    bin_folder = program(tmp_path)
    started: list[Shell] = []

    def start(name: str, cwd: Path) -> Shell:
        need(name)
        script = tmp_path / f"portweave.{name}"
        script.write_text(cli("completion", name, cwd=cwd).stdout)
        env = cli.env({"PATH": f"{bin_folder}:{os.environ['PATH']}"})
        started.append(SHELLS[name](script, cwd, env))
        return started[-1]

    yield start
    for one in started:
        one.end()


@pytest.fixture(
    params=["bash", *(pytest.param(name, marks=pytest.mark.slow) for name in ("zsh", "fish"))]
)
def shell(request: pytest.FixtureRequest, shell_of: Callable[[str, Path], Shell]) -> StartShell:
    """Start each of the shells in a folder: `shell(root)`."""
    name: str = request.param
    return lambda cwd: shell_of(name, cwd)


def test_completion_offers_every_verb_and_each_of_its_options(
    shell: StartShell, project: Path
) -> None:
    lines = ["portweave ", "portweave -", *(f"portweave {verb} -" for verb in VERBS)]
    verbs, before, *by_verb = shell(project).complete(*lines)
    assert verbs == {*VERBS, "help"}
    assert before >= {flag for option in GLOBAL_OPTIONS for flag in option.flags}
    for verb, offered in zip(VERBS, by_verb, strict=True):
        options = (*import_module(f"portweave.cli.verbs.{verb}").OPTIONS, *GLOBAL_OPTIONS)
        flags = {flag for option in options for flag in option.flags}
        # Zsh offers options with their `=`, and has a command named `-`.
        assert {flag.rstrip("=") for flag in offered - {"-"}} == flags, verb


TABLE = {
    "portweave st": {"start", "stop"},
    "portweave --json st": {"start", "stop"},
    "portweave --count 2 sta": {"start"},
    "portweave up --restart o": {"on-failure"},
    "portweave env --format ": {"dotenv", "shell", "json"},
    "portweave kill -s US": {"USR1", "USR2"},
    "portweave proxy sta": {"start", "status"},
    "portweave proxy start ": set[str](),
    "portweave completion ": {"bash", "zsh", "fish"},
    "portweave help grap": {"graph"},
    "portweave version ": set[str](),
    "portweave export ": {"systemd", "compose", "kubernetes"},
    "portweave export compose --scale w": {"web="},
    "portweave export compose web a": {"api"},
    "portweave lease --ttl ": set[str](),
    "portweave logs -n ": set[str](),
    # For logs, -f means follow and takes no file.
    "portweave logs -f a": {"api"},
    "portweave up ": {"web", "web.2", "api", "db", "mail"},
    "portweave up --no-deps web a": {"api"},
    "portweave up --timeout 3 --exit-code-from a": {"api"},
    "portweave port a": {"api"},
    "portweave port api ": set[str](),
    "portweave up --profile ": {"data", "extras"},
    "portweave up --profile data --profile ": {"extras"},
    "portweave scale w": {"web="},
    "portweave -f other.yaml up ": {"only"},
    "portweave up --config other.yaml ": {"only"},
    "portweave up --config=other.yaml ": {"only"},
    "portweave run -- ech": {"echo"},
    "portweave exec api -- ech": {"echo"},
    "portweave exec api ": {"--"},
    # No stack is running.
    "portweave stop ": set[str](),
    "portweave ps --stack ": set[str](),
    "portweave restart ap": {"api"},
}


def is_operand(word: str) -> bool:
    return " " not in word and (not word.startswith("-") or word == "--")


def test_completion_offers_matching_names(shell: StartShell, project: Path) -> None:
    (project / "portweave.yaml").write_text(STACK)
    (project / "other.yaml").write_text("services: {only: {command: sleep 300}}")
    found = dict(zip(TABLE, shell(project).complete(*TABLE), strict=True))
    # Other commands on this machine may begin with the same letters.
    for line in ("portweave run -- ech", "portweave exec api -- ech"):
        assert "echo" in found[line], line
        found[line] = {"echo"}
    # Zsh offers options where it has no words. Bash also gets `compopt` commands.
    operands = {line: set(filter(is_operand, words)) for line, words in found.items()}
    assert operands == TABLE
    assert not (project / ".portweave").exists()


def test_completion_offers_files_for_a_file(shell: StartShell, project: Path) -> None:
    (project / "stack.yaml").write_text("")
    (project / "folder").mkdir()
    files, folders = shell(project).complete("portweave -f sta", "portweave prune --path f")
    # In bash, readline completes files.
    assert files in ({"stack.yaml"}, {"compopt -o default"})
    assert folders in ({"folder"}, {"folder/"}, {"compopt -o dirnames"})


@pytest.mark.slow
def test_completion_offers_services_by_their_state(
    shell_of: Callable[[str, Path], Shell], cli: "Cli", project: Path, detached: "Detached"
) -> None:
    (project / "portweave.yaml").write_text(STACK)
    detached.up()
    detached("stop", "api")
    lines = {
        "portweave stop ": {"web", "web.2"},
        "portweave start ": {"api", "db", "mail"},
        "portweave why a": {"api"},
        "portweave attach ": {"web", "web.2"},
        "portweave ps --stack ": {"shop/main"},
        "portweave ask ": {"web/", "web.2/", "supervisor/"},
    }
    for name in SHELLS:
        found = shell_of(name, project).complete(*lines)
        for (line, expected), offered in zip(lines.items(), found, strict=True):
            assert {word for word in offered if " " not in word} == expected, (name, line)
    # --stack gives the same from any folder.
    elsewhere = cli("__complete", "running", "stop", "--stack", "shop/main", cwd=project.parent)
    assert elsewhere.stdout == "web\tready\nweb.2\tready\n"


@pytest.mark.parametrize("name", SHELLS)
def test_scripts_quote_any_text_of_the_grammar(
    tmp_path: Path, need: Callable[..., None], name: str
) -> None:
    need(name)
    special_text = 'it\'s [a] \\ `touch x`: $(touch x) "x" # %s'
    flag = Flag(("-x", "--ex"), special_text, "A:B]", ("one", "two"), many=False)
    verb = Verb("up", special_text, (flag,), Operands("services", many=True))
    script = tmp_path / "script"
    script.write_text(
        import_module(f"portweave.cli.shells.{name}").script(Grammar((flag,), (verb,)))
    )
    for argv in ([name, "-n", str(script)], [name, "-c", f"compdef() {{ :; }}; source {script}"]):
        if name == "fish" and "-c" in argv:
            argv = ["fish", "-c", f"source {script}; complete -C 'portweave -'"]
        done = subprocess.run(argv, cwd=tmp_path, capture_output=True, text=True, check=False)
        assert (done.returncode, done.stderr) == (0, "")
    assert not (tmp_path / "x").exists()


@pytest.mark.parametrize(
    ("typed", "shown"),
    [
        ("portweave env --format=js\t", b"--format=json "),
        ("portweave --conf\tsta\t", b"--config stack.yaml "),
        ("portweave --config=sta\t", b"--config=stack.yaml "),
        # No blank after `=`: the number follows.
        ("portweave scale on\t3", b"scale only=3"),
    ],
)
def test_bash_on_a_terminal_completes_the_word(
    cli: "Cli", project: Path, tmp_path: Path, typed: str, shown: bytes
) -> None:
    (project / "stack.yaml").write_text("services: {only: {command: sleep 300}}")
    (project / "portweave.yaml").symlink_to("stack.yaml")
    script = tmp_path / "portweave.bash"
    script.write_text(cli("completion", "bash", cwd=project).stdout)
    env = cli.env({"PATH": f"{program(tmp_path)}:{os.environ['PATH']}"})
    assert bash_shows(script, project, env, typed, shown)


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["nothing"],
        ["services"],
        ["services", "up", "-f", "broken.yaml"],
        ["services", "--count", "x", "up"],
        ["profiles", "up", "-f"],
        ["running", "stop", "--stack", "a/b/c"],
        ["leases"],
        ["aliases", "alias", "--state-dir", "/dev/null"],
        ["logged", "logs", "--frobnicate"],
    ],
)
def test_an_invalid_line_has_no_completions_and_no_error(
    cli: "Cli", project: Path, home: Path, words: list[str]
) -> None:
    (project / "broken.yaml").write_text("services: [")
    before = sorted(home.rglob("*"))
    done = cli("__complete", *words, cwd=project)
    assert (done.stdout, done.stderr) == ("", "")
    # No file is written.
    assert sorted(home.rglob("*")) == before
    assert [path.name for path in project.iterdir()] == ["broken.yaml"]


def test_completion_offers_aliases_and_leases(cli: "Cli", project: Path) -> None:
    cli("alias", "shop", "8000", cwd=project)
    lease = cli("lease", "--owner", str(os.getpid()), cwd=project).stdout
    assert cli("__complete", "aliases", cwd=project).stdout == "shop.localhost\tport 8000\n"
    name = cli("__complete", "leases", cwd=project).stdout.partition("\t")[0]
    assert f'"{name}"' in lease


def test_completion_for_another_shell_is_an_error(cli: "Cli", project: Path) -> None:
    done = cli("completion", "csh", cwd=project)
    assert done.returncode == 1
    assert "no completion for 'csh'" in done.stderr
    assert "bash|zsh|fish" in done.stderr
