"""What lies in a folder without a definition file, and whose file a document is."""

import pytest

from portweave.procfiles.other_tools import advise, is_compose_file

CREATE = "create a Procfile"
CREATE_ONE = "create one: a Procfile with a line for each service"
EACH = f"{CREATE} with a line for each of its"
RUN = f"{CREATE} that runs it"
COMPOSE = f"is a file of Docker Compose; {CREATE} that runs its services"
EXAMPLE = ("web: npm start", "api: python3 app.py")


@pytest.mark.parametrize(
    ("names", "scripts", "targets", "text", "lines"),
    [
        ([], [], [], CREATE_ONE, EXAMPLE),
        (["README.md"], ["test"], ["install"], CREATE_ONE, EXAMPLE),
        (
            ["docker-compose.yml"],
            [],
            [],
            f"docker-compose.yml {COMPOSE}",
            ("db: docker compose up db", "web: npm start"),
        ),
        (
            ["compose.yaml"],
            [],
            [],
            f"compose.yaml {COMPOSE}",
            ("db: docker compose up db", "web: npm start"),
        ),
        (
            ["Procfile.local"],
            ["dev"],
            [],
            "Procfile.local is here: name it, as portweave up -f Procfile.local",
            (),
        ),
        (
            ["process-compose.yaml"],
            [],
            [],
            f"process-compose.yaml is a file of process-compose; {EACH} processes",
            EXAMPLE,
        ),
        (
            ["portweave.json", "compose.yaml"],
            [],
            [],
            "portweave.json is here, and is not read: rename it to portweave.config.json",
            (),
        ),
        (
            ["mprocs.yaml"],
            [],
            [],
            f"mprocs.yaml is a file of mprocs; {EACH} procs",
            EXAMPLE,
        ),
        (
            [".overmind.env"],
            [],
            [],
            ".overmind.env is here, but no Procfile: create one with a line for each service",
            EXAMPLE,
        ),
        (
            ["ecosystem.config.js"],
            [],
            [],
            f"ecosystem.config.js is a file of pm2; {EACH} apps",
            EXAMPLE,
        ),
        (
            ["package.json"],
            ["build", "dev", "start"],
            [],
            f"package.json has the script dev; {RUN}",
            ("web: npm run dev",),
        ),
        (
            ["package.json", "pnpm-lock.yaml"],
            ["start"],
            [],
            f"package.json has the script start; {RUN}",
            ("web: pnpm start",),
        ),
        (
            ["package.json", "compose.yml"],
            ["dev"],
            [],
            f"package.json and compose.yml are here; {CREATE} that runs both",
            ("web: npm run dev", "db: docker compose up db"),
        ),
        (
            ["Makefile"],
            [],
            ["all", "run"],
            f"the Makefile has the target run; {RUN}",
            ("web: make run",),
        ),
    ],
)
def test_files_of_other_tools_are_named_with_what_to_do(
    names: list[str],
    scripts: list[str],
    targets: list[str],
    text: str,
    lines: tuple[str, ...],
) -> None:
    advice = advise(names, dict.fromkeys(scripts, "x"), targets)
    assert (advice.text, advice.lines) == (text, lines)


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("compose.yaml", {"services": {"db": {"image": "x"}, "web": {"command": "x"}}}, True),
        ("portweave.yaml", {"services": {"db": {"image": "x"}, "web": {"build": "."}}}, True),
        ("portweave.yaml", {"version": "3", "services": {"db": {"image": "x"}, "w": {}}}, True),
        ("portweave.yaml", {"services": {"db": {"image": "x"}, "web": {"command": "x"}}}, False),
        ("compose.yaml", {"services": {"web": {"command": "x"}}}, False),
        ("portweave.yaml", {"services": []}, False),
        ("portweave.yaml", None, False),
    ],
)
def test_a_compose_file_is_recognised(name: str, value: object, expected: bool) -> None:
    assert is_compose_file(name, value) is expected
