"""What each key of `portweave top` does, without a terminal."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import nullcontext

import pytest
from textual.app import App

from portweave.top.command_answer import Failure
from portweave.top.stack_rows import Stack
from portweave.top.verb_commands import Answer
from tests.support.top_screens import BLOG, SHOP, Top, row, running_top, stack


def in_top(test: Callable[[Top], Awaitable[None]]) -> None:
    async def main() -> None:
        async with running_top() as top:
            await top.show(SHOP, BLOG)
            await test(top)

    asyncio.run(main())


def test_keys_run_commands_for_the_selected_service() -> None:
    async def test(top: Top) -> None:
        await top.press("down", "down", "r", "x", "o", "enter")  # db is ready
        await top.press("k")
        assert "Kill db of shop/main?" in top.text()
        await top.press("escape", "k", "y")
        await top.press("up", "x", "k", "u")  # api backs off: it does not run
        assert "api does not run" in top.text()
        await top.press("d", "n", "d", "y")
        assert top.commands.run_words == [
            ("shop/main", "restart", "db"),
            ("shop/main", "stop", "db"),
            ("shop/main", "open", "db"),
            ("shop/main", "open", "db"),
            ("shop/main", "kill", "db"),
            ("shop/main", "stop", "api"),
            ("shop/main", "up"),
            ("shop/main", "down"),
        ]

    in_top(test)


def test_the_row_of_a_stack_stands_for_all_of_it() -> None:
    async def test(top: Top) -> None:
        await top.press("home", "r")
        assert "Restart all of shop/main?" in top.text()
        await top.press("y", "w", "escape", "x")
        assert "shop/main is a stack" in top.text()
        await top.press("enter")
        assert "api" not in top.line("▸ shop/main")
        assert "backoff" not in top.text()
        await top.press("right")
        assert "backoff" in top.text()
        assert top.commands.run_words == [("shop/main", "restart"), ("shop/main", "why", "api")]

    in_top(test)


def test_an_order_follows_the_other_and_a_click_on_a_title_chooses_one() -> None:
    async def test(top: Top) -> None:
        async def order() -> list[str]:
            await top.press("s")
            return [
                line.split()[1]
                for line in top.text().splitlines()
                if line[1:2] in ("●", "↻", "○", "·") and line[0] == " "
            ]

        assert await order() == ["mailer", "web", "api", "db", "web", "worker"]  # name
        assert "SERVICE▾" in top.text()
        assert (await order())[0] == "api"  # state
        assert await order() == ["web", "db", "api", "worker", "mailer", "web"]  # cpu
        assert (await order())[0] == "db"  # memory
        assert (await order())[:2] == ["web", "api"]  # port
        assert (await order())[0] == "api"  # restarts
        await top.press("s")
        assert "by trouble" in top.text()
        await top.pilot.click("#heading", offset=(48, 0))
        await top.pilot.pause()
        assert "by cpu" in top.text()

    in_top(test)


def test_a_filter_narrows_the_list_while_one_types() -> None:
    async def test(top: Top) -> None:
        await top.press("slash", *"web")
        assert "blog/main" in top.text()
        assert "worker" not in top.text()
        await top.press(*" 3010")
        assert "shop/main" not in top.text()
        # Keys of the list are letters of the filter.
        await top.press("d", "k")
        assert "Nothing fits" in top.text()
        await top.press("backspace", "backspace", "enter", "r")
        assert top.commands.run_words == [("blog/main", "restart", "web")]
        await top.press("escape")
        assert "worker" in top.text()

    in_top(test)


def test_stacks_come_and_go_and_the_selection_stays() -> None:
    async def test(top: Top) -> None:
        await top.press("end")
        assert "blog/main · web" in top.text()
        top.feed.send(("stack", stack("adler", row("one"))), ("gone", {"id": "shop"}))
        await top.pilot.pause()
        assert "adler/main" in top.text()
        assert "shop/main" not in top.text()
        assert "blog/main · web" in top.text()
        assert top.feed.close == {"adler", "blog"}
        top.feed.send(("gone", {"id": "blog"}), ("gone", {"id": "adler"}))
        await top.pilot.pause()
        assert "0 stacks" in top.text()
        top.feed.idle = (Stack("x", "shop", "fix", "/home/ada/fix", is_running=False),)
        await top.press("i", "r", "u")
        assert top.commands.run_words == [("shop/fix", "up")]

    in_top(test)


def test_texts_of_commands_are_shown() -> None:
    async def test(top: Top) -> None:
        top.commands.answers["ask"] = Answer('{"environment": {"A": "1", "API_KEY": "abcdefgh"}}')
        top.commands.answers["why"] = Answer(failure=Failure("it hangs", "PW1002", ("wait",)))
        await top.press("down", "e")
        await top.wait_for("A=1")
        assert "abcdefgh" not in top.text()
        await top.press("q", "w")
        await top.wait_for("it hangs (PW1002)")
        assert "hint: wait" in top.text()
        await top.press("escape", "question_mark")
        await top.wait_for("attach to its terminal")
        await top.press("question_mark")
        assert "attach to its terminal" not in top.text()

    in_top(test)


def test_attaching_gives_the_terminal_away(monkeypatch: pytest.MonkeyPatch) -> None:
    # Without a terminal, Textual cannot be suspended.
    monkeypatch.setattr(App, "suspend", nullcontext)

    async def test(top: Top) -> None:
        await top.press("down", "down", "a")
        assert top.commands.attached == ["db"]
        await top.press("up", "a")
        assert top.commands.attached == ["db"]

    in_top(test)


@pytest.mark.parametrize(("key", "status"), [("q", 0), ("ctrl+c", 130)])
def test_it_is_left_from_anywhere(key: str, status: int) -> None:
    async def test(top: Top) -> None:
        if status:
            await top.press("l")
        await top.press(key)
        assert top.app.return_value == status

    in_top(test)


def test_a_log_scrolls_and_is_searched() -> None:
    async def test(top: Top) -> None:
        lines = [(n * 1000, "db", "out", f"line {n} of the log") for n in range(1, 301)]
        top.feed.log_lines["db"] = lines
        await top.press("down", "down", "l")
        await top.wait_for("300 lines")
        assert "following" in top.text()
        await top.press("g")
        assert "line 1 of" in top.text()
        assert "paused" in top.text()
        await top.press("pagedown", "up")
        log = top.feed.logs[-1]
        log.add((0, "db", "out", "line 301"))
        await top.wait_for("301 lines")
        assert "line 21 of" in top.text()
        assert "line 301" not in top.text()
        await top.press("G", "slash", *"00 OF", "enter")
        assert "in 3 of 301 lines" in top.text()
        assert "line 300" in top.text()
        await top.press("n", "n")
        assert "line 100" in top.text()
        await top.press("N", "t")
        assert "line 200" in top.text()
        await top.press("escape", "escape")
        await top.wait_for("SERVICE")
        assert log.is_closed

    in_top(test)


def test_rows_and_keys_are_clicked() -> None:
    async def test(top: Top) -> None:
        await top.pilot.click("#list", offset=(5, 2))  # the reason of api
        await top.pilot.pause()
        assert "shop/main · api" in top.text()
        await top.pilot.double_click("#list", offset=(5, 3))
        await top.pilot.pause()
        assert top.commands.run_words == [("shop/main", "open", "db")]
        await top.pilot.click("#keys", offset=(26, 0))
        await top.wait_for("why db")
        await top.pilot.click("KeyLine", offset=(2, 0))
        await top.pilot.pause()
        assert "why db" not in top.text()

    in_top(test)
