"""The block in /etc/hosts."""

import pytest

from portweave.allocator.names.hosts_file import (
    block,
    unresolved,
    with_block,
    without_block,
)

OLD = "127.0.0.1 localhost\n# mine\n10.0.0.1 nas"
BLOCK = "# portweave begin\n127.0.0.1 a.localhost\n# portweave end\n"


def test_a_block_is_put_at_the_end_once() -> None:
    first = with_block(OLD, ["a.localhost", "a.localhost"])
    assert first == f"{OLD}\n{BLOCK}"
    assert with_block(first, ["a.localhost"]) == first
    assert with_block(first, []) == without_block(first) == f"{OLD}\n"
    assert with_block("", ["a.localhost"]) == BLOCK
    assert block([]) == ""


@pytest.mark.parametrize(
    ("text", "rest"),
    [
        (f"x\n{BLOCK}y\n", "x\ny\n"),
        (f"{BLOCK}x\r\n{BLOCK}", "x\r\n"),
        # Without the end mark it is unclear which lines are portweave's.
        ("x\n# portweave begin\n1.2.3.4 y\n", "x\n# portweave begin\n1.2.3.4 y\n"),
        (f"# portweave begin\ny\n{BLOCK}z\n", "# portweave begin\ny\nz\n"),
    ],
)
def test_only_portweaves_lines_are_removed(text: str, rest: str) -> None:
    assert without_block(text) == rest


@pytest.mark.parametrize(
    ("hosts", "nsswitch", "lost"),
    [
        ("", None, ["a.localhost"]),
        (BLOCK, None, []),
        ("127.0.0.1 x A.localhost # b\n", None, []),
        ("# 127.0.0.1 a.localhost\n", "hosts: files dns\n", ["a.localhost"]),
        ("", "passwd: files\nhosts: files myhostname dns\n", []),
        ("", "hosts: files resolve [!UNAVAIL=return] dns\n", []),
        ("", "hosts: files # resolve\n", ["a.localhost"]),
    ],
)
def test_the_names_that_the_system_does_not_resolve(
    hosts: str, nsswitch: str | None, lost: list[str]
) -> None:
    assert unresolved(["a.localhost"], hosts, nsswitch) == lost
