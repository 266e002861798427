"""Whatever a command's text is, what looks into it finds something or nothing, and never fails."""

from hypothesis import given
from hypothesis import strategies as st

from portweave.planning.other_protocols import known_server
from portweave.planning.port_arguments import fit
from portweave.planning.script_words import mentions
from portweave.supervisor.diagnosis.port_in_use import mentioned_ports

WORDS = st.sampled_from(
    [
        "''",
        '""',
        "'",
        '"',
        "a",
        "cd",
        "npm",
        "run",
        "-w",
        "--workspace",
        "=",
        "pnpm",
        "--filter",
        "-F",
        "yarn",
        "workspace",
        "turbo",
        "nx",
        "bun",
        "exec",
        "env",
        "A=1",
        "node",
        "python3",
        "-m",
        "-c",
        "'x.js'",
        ";",
        "&&",
        "|",
        "&",
        "(",
        ")",
        "<",
        ">",
        "\n",
        "$PORT",
        "-p",
        "3000",
        "--port=3000",
        "docker",
        "-it",
        "timeout",
        "5",
        "nice",
        "sh",
        "uvicorn",
        "vite",
        "\\",
        "#",
        "--",
        "`",
        "é",
    ]
)
TEXTS = st.lists(WORDS, max_size=7).map(" ".join) | st.text(max_size=20)
COMMANDS = TEXTS | st.lists(WORDS, max_size=6)


@given(COMMANDS)
def test_any_command_can_be_searched(command: str | list[str]) -> None:
    known_server(command)
    fit(command)
    mentions(command, {"PORT"}, lambda _: b"PORT", lambda _, __: None)
    text = command if isinstance(command, str) else " ".join(command)
    mentioned_ports([f"EADDRINUSE {text}", "address already in use"], (), text)
