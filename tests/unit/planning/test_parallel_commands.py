import pytest

from portweave.planning.parallel_commands import started_at_once


@pytest.mark.parametrize(
    ("program", "words", "commands"),
    [
        ("concurrently", ["npm run a", "npm run b"], ["npm run a", "npm run b"]),
        ("concurrently", ["-n", "a,b", "vite", "-k", "api"], ["vite", "api"]),
        ("concurrently", ["npm:dev", "pnpm:api"], ["npm run dev", "pnpm run api"]),
        ("concurrently", ["npm:dev-*"], []),
        ("run-p", ["web", "api"], ["npm run web", "npm run api"]),
        ("run-p", ["watch:*"], []),
        ("npm-run-all", ["build", "web"], []),
        ("npm-run-all", ["build", "-p", "web", "api", "-s", "end"], ["npm run web", "npm run api"]),
        ("npm-run-all2", ["--parallel", "--silent", "web"], ["npm run web"]),
    ],
)
def test_parallel_commands_are_found(program: str, words: list[str], commands: list[str]) -> None:
    assert started_at_once(program, words) == commands
