"""`portweave explain`."""

import json
from pathlib import Path

from tests.support.commands import Cli


def test_a_code_is_explained_with_cause_example_and_remedy(cli: Cli, tmp_path: Path) -> None:
    done = cli("explain", "pw0102", cwd=tmp_path)
    lines = done.stdout.splitlines()
    assert (done.returncode, done.stderr) == (0, "")
    assert lines[0] == "PW0102: A definition file cannot be read or understood."
    assert [line for line in lines if line and line[0] != " "][1:] == ["Cause", "Example", "Remedy"]
    assert all(len(line) <= 80 for line in lines)
    assert "   3 |     comand: npm start" in lines


def test_json_has_the_parts(cli: Cli, tmp_path: Path) -> None:
    found = json.loads(cli("explain", "--json", "PW1212", cwd=tmp_path).stdout)
    assert list(found) == ["schemaVersion", "code", "title", "cause", "example", "remedy"]
    assert (found["schemaVersion"], found["code"]) == (1, "PW1212")
    assert "\n" not in found["cause"]


def test_without_a_code_all_are_listed_a_line_each(cli: Cli, tmp_path: Path) -> None:
    lines = cli("explain", cwd=tmp_path).stdout.splitlines()
    assert lines[0] == "PW0101  There is no definition file."
    assert all(line.startswith("PW") for line in lines)
    found = json.loads(cli("explain", "--json", cwd=tmp_path).stdout)
    assert [row["code"] for row in found["codes"]] == [line[:6] for line in lines]


def test_an_unknown_code_is_an_error_with_the_nearest(cli: Cli, tmp_path: Path) -> None:
    done = cli("explain", "PW0120", cwd=tmp_path)
    assert done.returncode == 1
    assert done.stderr.splitlines() == [
        "[portweave] error: there is no error code 'PW0120' (PW0601)",
        "[portweave] hint: did you mean PW0102?",
    ]
    assert "explain lists all codes" in cli("explain", "x", cwd=tmp_path).stderr
    assert cli("explain", "PW0101", "PW0102", cwd=tmp_path).returncode == 1


def test_a_shell_completes_codes(cli: Cli, tmp_path: Path) -> None:
    done = cli("__complete", "codes", "explain", cwd=tmp_path)
    assert "PW0101\tThere is no definition file.\n" in done.stdout
