"""What verbs print with `--json` fits the schemas of `schema --of`, and has no key beside them."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support.schema_checks import problems
from tests.support.stacks import write

if TYPE_CHECKING:
    from tests.support.commands import Cli
    from tests.support.detached_stacks import Detached

STACK = """
services:
  web: {command: "echo hello; sleep 99", port: false, environment: {COLOUR: red}, dependsOn: [db]}
  db: {command: sleep 99}
  bad: {command: "echo 'Error: no disk'; exit 3", port: false, restart: no}
"""
# Verbs and the exit status that each has on this stack.
ASKED = (
    (("ps",), 0),
    (("ps", "--all"), 0),
    (("ls",), 0),
    (("ls", "--all"), 0),
    (("keep", "--ttl", "2h"), 0),
    (("prune", "--all", "--older", "1ms", "--dry-run"), 0),
    (("wait", "web"), 0),
    (("why", "web", "bad"), 0),
    (("why", "bad", "--last", "3"), 0),
    (("logs", "--run", "all"), 0),
    (("logs", "--brief"), 0),
    (("env",), 0),
    (("env", "web"), 0),
    (("env", "web", "--explain"), 0),
    (("agents", "init", "--check"), 1),
    (("integrate", "claude"), 0),
    (("check",), 0),
    (("doctor",), None),
    (("graph",), 0),
    (("settle", "--timeout", "20"), 1),
    (("setup",), None),
    (("explain", "PW0102"), 0),
    (("export", "compose"), None),
    (("port", "db"), 0),
    (("url", "db"), 0),
    (("routes",), 0),
    (("proxy", "status"), None),
    (("version",), 0),
    (("lease", "--list"), 0),
    (("ask", "supervisor/warnings"), 0),
    (("kill", "-s", "CONT", "web"), 0),
    (("scale", "db=1"), 0),
    (("reload",), 0),
    (("reload", "--dry-run"), 0),
    (("clean", "--dry-run"), None),
    (("stop", "web"), 0),
    (("start", "web"), 0),
    (("start", "--wait", "web"), 0),
    (("restart", "web"), 0),
    (("restart", "--wait", "web"), 0),
    (("up", "-d", "web"), 0),
    (("down",), 0),
)


@pytest.mark.slow
def test_what_verbs_print_fits_their_schemas(project: Path, detached: "Detached") -> None:
    schemas = json.loads(detached("schema", "--of", "all").stdout)
    write(project, STACK)
    detached("up", "-d", status=None)
    detached.remember_processes()
    with detached.beside("events", "--json", "-n", "9") as events:
        assert events.stdout is not None
        event = json.loads(events.stdout.readline())
        events.terminate()
    assert problems(event, schemas["verbs"]["events"]) == []
    wrong: dict[str, list[str]] = {}
    for words, status in ASKED:
        done = detached(*words, "--json", status=status)
        schema = schemas["verbs"][words[0]]
        is_stream = words[0] == "logs" and "--brief" not in words
        for text in done.stdout.splitlines() if is_stream else [done.stdout]:
            found = json.loads(text)
            if some := problems(found, schemas["error"] if "error" in found else schema):
                wrong[" ".join(words)] = some
    assert wrong == {}


def test_the_schema_of_one_verb_and_of_an_error(project: Path, cli: "Cli") -> None:
    schema = json.loads(cli("schema", "--of", "version", cwd=project).stdout)
    assert problems(json.loads(cli("version", "--json", cwd=project).stdout), schema) == []
    schemas = json.loads(cli("schema", "--of", "all", cwd=project).stdout)
    failed = cli("ps", "--json", cwd=project)
    assert problems(json.loads(failed.stdout), schemas["error"]) == []
    refused = cli("schema", "--of", "show", cwd=project)
    assert refused.returncode == 1
    assert "--of takes a verb with --json" in refused.stderr
