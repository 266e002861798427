"""Errors on a terminal, on a pipe, and of the verbs that npm portweave has."""

import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.commands import Cli
from tests.support.terminals import Terminal

TYPO = "services:\n  web:\n    comand: npm start\n    command: x\n"
LAYOUT = [
    "error: unknown key 'comand' in service web (PW0102)",
    "  --> portweave.yaml:3:5",
    "   |",
    " 3 |     comand: npm start",
    "   |     ^^^^^^",
    "hint: did you mean command?",
]
COLOURS = re.compile(r"\x1b\[[0-9;]*m")


class Screen:
    """Runs commands on terminals of their own; returns what they print, and the status."""

    def __init__(self, cli: Cli, folder: Path) -> None:
        self.cli = cli
        self.folder = folder
        self.terminals: list[Terminal] = []

    def __call__(self, *words: str, **env: str) -> tuple[str, int]:
        """Run a command to its end."""
        environ = self.cli.env({"TERM": "xterm", "LANG": "C.UTF-8", **env})
        terminal = Terminal([*self.cli.argv, *words], self.folder, environ)
        self.terminals.append(terminal)
        status = terminal.end()
        return terminal.seen.decode().replace("\r\n", "\n"), status


@pytest.fixture
def screen(cli: Cli, tmp_path: Path) -> Iterator[Screen]:
    folder = tmp_path / "shop"
    folder.mkdir()
    folder.joinpath("portweave.yaml").write_text(TYPO)
    made = Screen(cli, folder)
    yield made
    for terminal in made.terminals:
        terminal.process.kill()
        terminal.process.wait()
        os.close(terminal.master)


def test_a_terminal_gets_the_layout_of_a_compiler_in_colour(screen: Screen) -> None:
    seen, status = screen("check")
    assert COLOURS.sub("", seen).splitlines() == LAYOUT
    assert status == 1
    assert seen.startswith("\x1b[1;31merror:\x1b[0m ")


@pytest.mark.parametrize("words", [("check", "--no-color"), ("up", "--no-color")])
def test_colours_can_be_refused(screen: Screen, words: tuple[str, ...]) -> None:
    assert screen(*words)[0].splitlines() == LAYOUT


def test_colours_can_be_refused_behind_a_wrong_option(screen: Screen) -> None:
    assert "\x1b" in screen("check", "--bogus")[0]
    assert "\x1b" not in screen("check", "--bogus", "--no-color")[0]


def test_messages_have_a_dim_prefix_unless_colours_are_refused(screen: Screen) -> None:
    text = "there are no logs yet: portweave up writes them\n"
    assert screen("logs")[0] == f"\x1b[2m[portweave]\x1b[0m {text}"
    assert screen("logs", "--no-color")[0] == f"[portweave] {text}"


@pytest.mark.parametrize("env", [{"NO_COLOR": "1"}, {"TERM": "dumb"}])
def test_the_environment_refuses_colours(screen: Screen, env: dict[str, str]) -> None:
    assert screen("check", **env)[0].splitlines() == LAYOUT


@pytest.mark.parametrize("words", [("run", "true"), ("show",)])
def test_verbs_of_npm_portweave_keep_their_lines(screen: Screen, words: tuple[str, ...]) -> None:
    seen, status = screen(*words)
    plain = COLOURS.sub("", seen)
    assert 'error: services.web: Unrecognized key: "comand" (PW0102)\n' in plain
    assert "hint: portweave.yaml:3:5: services.web.comand: did you mean command?\n" in plain
    assert status == 1


def test_a_pipe_gets_a_line_for_the_error_and_one_for_each_hint(screen: Screen) -> None:
    done = screen.cli("check", cwd=screen.folder)
    assert done.stderr.splitlines() == [
        '[portweave] error: services.web: Unrecognized key: "comand" (PW0102)',
        "[portweave] hint: portweave.yaml:3:5: services.web.comand: did you mean command?",
    ]


def test_json_is_the_same_on_a_terminal(screen: Screen) -> None:
    seen, _ = screen("check", "--json")
    assert seen == screen.cli("check", "--json", cwd=screen.folder).stdout


def test_a_name_cannot_reach_the_terminal_raw(screen: Screen) -> None:
    text = 'services: {web: {command: x, "a\\e]0;owned\\a": 1}}\n'
    screen.folder.joinpath("portweave.yaml").write_text(text)
    seen, _ = screen("check", NO_COLOR="1")
    assert "\x1b" not in seen
    assert "unknown key 'a\\x1b]0;owned\\x07' in service web" in seen


def test_an_empty_folder(screen: Screen) -> None:
    screen.folder.joinpath("portweave.yaml").unlink()
    expected = [
        "error: no Procfile or portweave.yaml here or above (PW0101)",
        "hint: create one: a Procfile with a line for each service:",
        "        web: npm start",
        "        api: python3 app.py",
    ]
    assert screen("up", NO_COLOR="1")[0].splitlines() == expected
    screen.folder.joinpath("package.json").write_text('{"scripts": {"dev": "vite"}}')
    assert screen("up", NO_COLOR="1")[0].splitlines()[1:] == [
        "hint: package.json has the script dev; create a Procfile that runs it:",
        "        web: npm run dev",
    ]
    done = screen.cli("up", cwd=screen.folder)
    assert done.stderr.splitlines()[2] == (
        "[portweave] hint: package.json has the script dev; create a Procfile that runs it:"
        " web: npm run dev"
    )


def test_a_makefile_is_named_and_a_damaged_package_json_is_not(screen: Screen) -> None:
    screen.folder.joinpath("portweave.yaml").unlink()
    screen.folder.joinpath("package.json").write_text("{")
    screen.folder.joinpath("Makefile").write_text("CC := x\nall: run\n\tx: y\nrun serve:\n\tx\n")
    assert screen("ps", "-f", "none.yaml", NO_COLOR="1")[1] == 1
    assert screen("up", NO_COLOR="1")[0].splitlines()[1:] == [
        "hint: the Makefile has the target serve; create a Procfile that runs it:",
        "        web: make serve",
    ]


def test_a_compose_file_is_told_as_such(screen: Screen) -> None:
    text = "services:\n  db:\n    image: postgres\n    volumes: [x]\n"
    screen.folder.joinpath("docker-compose.yml").write_text(text)
    assert screen("up", "-f", "docker-compose.yml", NO_COLOR="1")[0].splitlines() == [
        "error: this is a Docker Compose file: portweave starts commands, not images (PW0102)",
        "  --> docker-compose.yml:3:5",
        "   |",
        " 3 |     image: postgres",
        "   |     ^^^^^",
        "hint: leave it as it is, and create a Procfile:",
        "        db: docker compose up db",
        "        web: npm start",
    ]
    done = screen.cli("check", "-f", "docker-compose.yml", cwd=screen.folder)
    hint = "this is a Docker Compose file: portweave starts commands, not images"
    assert f"[portweave] hint: docker-compose.yml:3:5: {hint}\n" in done.stderr


@pytest.mark.parametrize(
    ("text", "line", "place", "mark"),
    [
        ("    envFile: .env.more", "    envFile: .env.more", "4:14", "^^^^^^^^^"),
        ("    env_file: [a, .env.more]", "    env_file: [a, .env.more]", "4:19", "^^^^^^^^^"),
        ("envFile: .env.more", "envFile: .env.more", "4:10", "^^^^^^^^^"),
        ("envFile: [{path: .env.more}]", "envFile: [{path: .env.more}]", "4:11", "^"),
    ],
)
def test_a_missing_file_of_variables_is_marked_where_it_is_named(
    screen: Screen, text: str, line: str, place: str, mark: str
) -> None:
    definition = f"services:\n  web:\n    command: x\n{text}\n"
    screen.folder.joinpath("portweave.yaml").write_text(definition)
    screen.folder.joinpath("a").touch()
    for words in (("check",), ("env", "web")):
        lines = screen(*words, NO_COLOR="1")[0].splitlines()
        assert "there is no such file" in " ".join(lines[:3])
        lines = lines[next(n for n, one in enumerate(lines) if "-->" in one) :]
        column = int(place.partition(":")[2])
        assert lines[:4] == [
            f"  --> portweave.yaml:{place}",
            "   |",
            f" 4 | {line}",
            f"   | {' ' * (column - 1)}{mark}",
        ]


def test_a_named_file_that_does_not_exist(screen: Screen) -> None:
    assert screen("check", "-f", "x.yaml", NO_COLOR="1")[0].splitlines() == [
        "error: there is no file x.yaml (PW0101)",
        "hint: -f and --config name a definition file",
    ]


def test_a_byte_order_mark_and_line_ends_of_windows_are_fine(screen: Screen) -> None:
    text = "\ufeff" + TYPO.replace("    comand: npm start\n", "").replace("\n", "\r\n")
    screen.folder.joinpath("portweave.yaml").write_bytes(text.encode())
    assert screen("check")[1] == 0
