"""Each verb in a new interpreter. Most tests fork a warm one instead."""

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from portweave.arguments.global_options import VERBS
from tests.support.stacks import (
    IDLE,
    SERVE,
    write,
)

if TYPE_CHECKING:
    from tests.support.commands import Cli
    from tests.support.detached_stacks import Detached

# Their own tests start these in a new interpreter, on a terminal or in the background.
ELSEWHERE = {"ask", "attach", "hosts", "mcp", "panel", "proxy", "top", "trust"}
LINES = [
    *(
        "setup",
        "teardown --list",
        "up -d",
        "keep",
        "ps",
        "wait",
        "show",
        "env",
        "port web",
        "url web",
        "open web",
        "logs",
    ),
    *("restart api", "stop api", "start api", "kill -s WINCH api", "scale api=2", "reload"),
    *(
        "exec web -- true",
        "run -- true",
        "why web",
        "settle --timeout 20",
        "ls",
        "routes",
        "alias other 5432",
    ),
    *(
        "check",
        "graph",
        "schema",
        "export compose",
        "completion bash",
        "version",
        "lease",
        "explain",
        "agents init --print",
        "integrate cursor",
    ),
    *("doctor", "down", "prune", "clean --yes"),
]


@pytest.mark.timeout(60)
def test_each_verb_works_in_a_new_interpreter(
    detached: "Detached", cli: "Cli", project: Path
) -> None:
    cli.may_fork = False
    write(project, f"services: {{web: {{command: {SERVE}}}, api: {IDLE}}}")
    for line in LINES:
        done = detached(*line.split(), env={"BROWSER": "echo"})
        assert "Traceback" not in done.stderr
        assert done.stdout or done.stderr or line.endswith(" -- true"), line
    assert "PW1001" in detached("events", status=1).stderr
    assert {"events", *(line.split()[0] for line in LINES)} == VERBS.keys() - ELSEWHERE
