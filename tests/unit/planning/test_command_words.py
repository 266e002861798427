import pytest

from portweave.planning.command_words import Call, called, last_command

CALLS: list[tuple[str, Call | None]] = [
    ("npm run dev", Call("dev", (), "")),
    ("npm start", Call("start", (), "")),
    ("npm install", None),
    ("npm run dev -- --host", Call("dev", ("--", "--host"), "")),
    ("npm --prefix web run dev", Call("dev", (), "web")),
    ("npm run dev -w shop-web", Call("dev", (), "", ("shop-web",))),
    ("pnpm --filter web dev", Call("dev", (), "", ("web",))),
    ("pnpm -C apps/web dev", Call("dev", (), "apps/web")),
    ("yarn workspace web dev", Call("dev", (), "", ("web",))),
    ("yarn workspace", None),
    ("turbo build", None),
]


@pytest.mark.parametrize(("text", "call"), CALLS, ids=[text for text, _ in CALLS])
def test_the_call_of_a_package_manager_is_read(text: str, call: Call | None) -> None:
    runner, *words = text.split()
    assert called(runner, words, "") == call


@pytest.mark.parametrize(
    ("text", "words", "folder"),
    [
        ("vite", ["vite"], ""),
        ("cd web && vite --host", ["vite", "--host"], "web"),
        ("cd web && cd app && vite", ["vite"], "web/app"),
    ],
)
def test_the_last_command_of_a_shell_line_is_found(
    text: str, words: list[str], folder: str
) -> None:
    assert last_command(text) == (words, folder)
