import pytest

from portweave.top.row_filter import filtered_stacks
from portweave.top.stack_rows import Service, Stack

STACKS = [
    Stack(
        "a",
        "shop",
        "main",
        "/src/shop",
        (
            Service("a", "web", "ready", port=3000),
            Service("a", "api", "failed", "KeyError: 'x'", port=3001),
        ),
    ),
    Stack("b", "blog", "fix-web", "/src/blog", (Service("b", "css", "ready"),)),
    Stack("c", "old", "main", "/src/old", problem="it hangs"),
]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", {"a": ["web", "api"], "b": ["css"], "c": []}),
        ("  ", {"a": ["web", "api"], "b": ["css"], "c": []}),
        ("web", {"a": ["web"], "b": ["css"]}),
        ("SHOP failed", {"a": ["api"]}),
        ("3000", {"a": ["web"]}),
        ("keyerror", {"a": ["api"]}),
        ("shop/main", {"a": ["web", "api"]}),
        ("hangs", {"c": []}),
        ("web failed", {}),
    ],
)
def test_all_words_must_fit(text: str, expected: dict[str, list[str]]) -> None:
    found = filtered_stacks(STACKS, text)
    assert {one.id: [service.name for service in one.services] for one in found} == expected
