import pytest

from portweave.supervisor.logs.summary import (
    CHARACTERS_PER_TOKEN,
    Summarizer,
)

TRACE = [
    "Traceback (most recent call last):",
    '  File "api.py", line 5, in <module>',
    "    f()",
    "ValueError: no such thing",
]


def brief(lines: list[str], budget: int = 2000, name: str = "api") -> list[str]:
    briefer = Summarizer(budget)
    for line in lines:
        briefer.feed(name, line)
    return briefer.close()


def test_lines_that_differ_in_numbers_are_one_with_a_count() -> None:
    lines = [f"GET /item/{n} 200 in {n} ms" for n in range(100)]
    assert brief(lines) == ["api | GET /item/99 200 in 99 ms (100 times)"]


def test_the_first_error_stands_with_what_is_around_it_and_is_told_once() -> None:
    lines = ["up", "one", "two", *TRACE, "back", *TRACE, *TRACE, "end"]
    assert brief(lines) == [
        "api | one",
        "api | two",
        *(f"api | {line}" for line in TRACE),
        "api | back (3 times)",
        "api | up",
        "api | end",
    ]


def test_another_error_has_a_place_of_its_own() -> None:
    found = brief(["error: one", "a", "b", "c", "d", "fatal: two"])
    assert found == [
        *("api | error: one", "api | a", "api | b", "api | c"),
        *("api | d", "api | fatal: two"),
    ]


def test_errors_of_two_instances_do_not_mix() -> None:
    briefer = Summarizer(2000)
    for name, line in [("a", "error: x"), ("b", "fine"), ("a", "  at y"), ("b", "error: x")]:
        briefer.feed(name, line)
    assert briefer.close() == ["a | error: x", "a |   at y", "b | fine", "b | error: x"]
    assert (briefer.seen, briefer.errors) == ({"a": 2, "b": 2}, {"a": 1, "b": 1})


def test_a_long_trace_loses_its_middle() -> None:
    found = brief(["Error: x", *(f"    at f{n}" for n in range(30))])
    assert len(found) == 13
    assert "api | … 19 lines …" in found
    assert found[-1] == "api |     at f29"


def test_what_finds_no_room_is_counted() -> None:
    lines = [f"{'abcdefgh'[n % 8]}{'ijklmnop'[n // 8]} happened" for n in range(64)]
    found = brief(lines, budget=60)
    assert found[-1].endswith("hp happened")
    left_out = int(found[0].split()[1])
    assert left_out + len(found) - 1 == 64


@pytest.mark.parametrize("budget", [0, 1, 20, 100, 500, 2000])
def test_the_budget_holds(budget: int) -> None:
    lines = [line for n in range(50) for line in (f"{'x' * n}error: {n}", "y" * 500, *TRACE)]
    found = "\n".join(brief(lines, budget))
    assert len(found) <= max(budget * CHARACTERS_PER_TOKEN, 40)


def test_nothing_is_nothing() -> None:
    assert brief([]) == []


def test_lines_of_json_are_their_level_and_message() -> None:
    lines = [
        '{"level":30,"msg":"no error here","n":1}',
        '{"level":30,"msg":"no error here","n":2}',
        '{"level":50,"err":{"stack":"Error: boom\\n    at f (a.js:3:1)"},"msg":"request failed"}',
    ]
    briefer = Summarizer(2000)
    for line in lines:
        briefer.feed("api", line)
    assert briefer.errors == {"api": 1}
    assert briefer.close() == [
        "api | INFO no error here n=1",
        "api | INFO no error here n=2",
        "api | ERROR request failed",
        "api |   Error: boom",
        "api |   at f (a.js:3:1)",
    ]
