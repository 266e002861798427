"""The screens of `portweave top` at three sizes, compared with committed files."""

import asyncio
from collections.abc import Coroutine

import pytest

from portweave.top.command_answer import Failure
from portweave.top.stack_rows import Stack
from portweave.top.verb_commands import Answer
from tests.support.top_screens import (
    BLOG,
    SHOP,
    SILENT,
    SIZES,
    Top,
    check_screen,
    running_top,
    screen_lines,
)

LOG = [
    (1_767_225_600_000, "web", "out", "\x1b[32mGET\x1b[0m /cart 200"),
    (1_767_225_601_000, "web", "err", "warning: the cache is cold, and this line is a long one"),
    (1_767_225_602_000, "web", "note", "web starts again (restart 1)"),
    (1_767_225_603_000, "web", "out", "\x1b[31mPOST\x1b[0m /cart 500"),
]


def in_top(test: Coroutine[None, None, None]) -> None:
    asyncio.run(test)


async def check_at_all_sizes(top: Top, name: str, *, in_preview: str = "") -> None:
    for width, height in SIZES:
        await top.pilot.resize_terminal(width, height)
        await top.pilot.pause()
        if height > 30:
            await top.wait_for(in_preview)
        check_screen(top.app, name)


def test_the_list() -> None:
    async def main() -> None:
        async with running_top() as top:
            top.feed.log_lines["api"] = LOG
            check_screen(top.app, "loading")
            await top.show()
            check_screen(top.app, "empty")
            await top.show(SHOP, BLOG, SILENT)
            await top.press("down", "down")
            await check_at_all_sizes(top, "list", in_preview="/cart 500")
            top.feed.idle = (Stack("x", "shop", "fix", "/home/ada/src/fix", is_running=False),)
            await top.press("i", "slash", *"shop")
            await check_at_all_sizes(top, "filter", in_preview="/cart 500")

    in_top(main())


def test_no_color_leaves_text_that_can_be_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")

    async def main() -> None:
        async with running_top() as top:
            top.feed.log_lines["api"] = LOG
            await top.show(SHOP, SILENT)
            await top.press("down", "down")
            check_screen(top.app, "monochrome")
            await top.press("l", "slash", *"cart")
            await top.wait_for("2 of 4 lines")
            styles = {style for _, parts in screen_lines(top.app) for _, _, style in parts}
            assert styles <= {"bold", "dim", "reverse", "bold reverse"}

    in_top(main())


def test_windows_above_the_list() -> None:
    async def main() -> None:
        async with running_top() as top:
            await top.show(SHOP)
            await top.press("question_mark")
            await check_at_all_sizes(top, "help")
            await top.press("escape", "d")
            await check_at_all_sizes(top, "down")
            await top.press("n")
            top.commands.answers["why"] = Answer("api is backoff\n  \x1b[31mcrash\x1b[0m: exited")
            await top.press("down", "w")
            await check_at_all_sizes(top, "why")
            await top.press("escape")
            top.commands.answers["restart"] = Answer(
                failure=Failure("no such service", "PW0501", ("portweave ps shows them",))
            )
            await top.pilot.resize_terminal(80, 24)
            await top.press("r")
            await top.wait_for("PW0501")
            check_screen(top.app, "failure")

    in_top(main())


def test_the_log() -> None:
    async def main() -> None:
        async with running_top() as top:
            top.feed.log_lines["web"] = LOG
            await top.show(BLOG)
            await top.press("end", "l")
            await top.wait_for("4 lines")
            await check_at_all_sizes(top, "log")
            await top.press("slash", *"cart", "enter")
            check_screen(top.app, "search")

    in_top(main())
