import pytest

from portweave.planning.allocation_text import (
    as_json,
    banner,
    current_env,
)


def test_the_banner_pads_names_and_leaves_out_services_without_a_port() -> None:
    rows = [("web", "WEB_PORT"), ("my-api", "API_PORT"), ("missing-one", "X")]
    assert banner("shop", "main", rows, {"web": 3, "my-api": 4}, reused=False) == (
        "[portweave] worktree: shop (namespace: main)\n"
        "[portweave] allocated:\n"
        "  web          → 3     (WEB_PORT)\n"
        "  my-api       → 4     (API_PORT)"
    )
    assert "reusing existing allocation:" in banner("s", "n", [], {}, reused=True)


def test_json_is_sorted() -> None:
    text = as_json({"B": "2", "A": 'é"'}, "main", {"web": 2, "api": 1}, "/r")
    assert text == (
        '{\n  "env": {\n    "A": "é\\"",\n    "B": "2"\n  },\n  "namespace": "main",\n'
        '  "ports": {\n    "api": 1,\n    "web": 2\n  },\n  "worktreeRoot": "/r"\n}\n'
    )


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("30000", "30000"),
        ("", ""),
        ("http://x/?a=1&b=2;(`*~!|)", "http://x/?a=1&b=2;(`*~!|)"),
        ("a b", '"a b"'),
        ("a#b", '"a#b"'),
        ("$HOME", '"$HOME"'),
        ('say "hi"\\', '"say \\"hi\\"\\\\"'),
        ("it's", '"it\'s"'),
        ("a\nb", '"a\nb"'),
        ("a\u00a0b", '"a\u00a0b"'),
        ("a\ufeffb", '"a\ufeffb"'),
        ("a\x85b\x1c", "a\x85b\x1c"),
    ],
)
def test_current_env_quotes_what_npm_portweave_quotes(value: str, expected: str) -> None:
    assert current_env({"B": "1", "A": value}) == f"A={expected}\nB=1\n"
