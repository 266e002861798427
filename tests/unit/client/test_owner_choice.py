"""Which process around a command owns its stack."""

import pytest

from portweave.client.owner_choice import Ancestor, nearest_owner, program_name


@pytest.mark.parametrize(
    ("words", "name"),
    [
        ((), ""),
        (("/usr/bin/bash", "-c", "portweave up"), "bash"),
        (("-zsh",), "zsh"),
        (("claude",), "claude"),
        (("node", "/usr/local/bin/claude", "--resume"), "claude"),
        (("/opt/node/bin/node", "--no-warnings", "/home/a/agent.js"), "agent"),
        (("python3.12", "-m", "aider"), "aider"),
        (("/venv/bin/python", "/venv/bin/swe agent"), "swe agent"),
        (("node",), "node"),
        (("npm exec vite",), "npm"),
        (("node", "/usr/lib/node_modules/npm/bin/npx-cli.js", "portweave"), "npx"),
        (("/opt/My App/bin/app",), "app"),
        (("tmux: server",), "tmux:"),
    ],
)
def test_a_program_has_the_name_of_its_script(words: tuple[str, ...], name: str) -> None:
    assert program_name(words) == name


AGENT = Ancestor(500, ("node", "/usr/bin/claude"), 900.0)
CHAINS: dict[str, tuple[list[Ancestor], Ancestor | None]] = {
    "the parent": ([AGENT], AGENT),
    "past a shell": ([Ancestor(501, ("bash", "-c", "x"), 30.0), AGENT], AGENT),
    "past wrappers": (
        [*(Ancestor(9, (word,), 30.0) for word in ["env", "timeout", "sudo", "uv", "make"]), AGENT],
        AGENT,
    ),
    "past npx": ([Ancestor(502, ("npm exec portweave",), 9.0), AGENT], AGENT),
    "past a young process": ([Ancestor(503, ("runner",), 1.9), AGENT], AGENT),
    "past another user's process": ([Ancestor(504, ("su",), 60.0, is_own=False), AGENT], AGENT),
    "past a process without a command line": ([Ancestor(505, (), 60.0), AGENT], AGENT),
    "not the first process": ([Ancestor(1, ("init",), 9999.0)], None),
    "shells alone": ([Ancestor(506, ("sh",), 99.0), Ancestor(507, ("-fish",), 99.0)], None),
    "nothing": ([], None),
    "the nearest of two": ([AGENT, Ancestor(400, ("code",), 9999.0)], AGENT),
}  # fmt: skip


@pytest.mark.parametrize("case", CHAINS)
def test_the_nearest_program_of_its_own_owns_the_stack(case: str) -> None:
    ancestors, expected = CHAINS[case]
    assert nearest_owner(ancestors) == expected
