import pytest

from portweave.allocator.ports.model import (
    Entry,
    Key,
)
from portweave.maintenance.findings import (
    check_entries,
    check_pool,
    shared_ports,
)


def entry(root: str, *ports: int, used: str = "2026-01-31T12:34:56.789Z") -> Entry:
    names = {f"port-{number}": port for number, port in enumerate(ports, 1)}
    return Entry(Key(None, "main", root), used, "main", names)


LINUX = (32768, 60999)


def test_blocks_that_share_no_port_are_fine() -> None:
    assert shared_ports([entry("/a", 1, 2), entry("/b", 3)]) == []


def test_the_block_that_was_used_last_is_kept() -> None:
    old = entry("/old", 1, 2, used="2026-01-01T00:00:00.000Z")
    new, other = entry("/new", 2, 3), entry("/other", 4)
    assert shared_ports([old, other, new]) == [(new, old, 2)]
    # A dropped block no longer shares any port.
    third = entry("/third", 1, used="2025-01-01T00:00:00.000Z")
    assert shared_ports([old, new, third]) == [(new, old, 2)]


def test_each_problem_of_blocks_is_a_finding() -> None:
    entries = [entry("/a", 1), entry("/b", 1), *(entry(f"/gone/{n}", 10 + n) for n in range(7))]
    gone = [f"/gone/{n}" for n in range(7)]
    dead, shared = check_entries(entries, gone)
    assert (dead.code, dead.severity) == ("PW0311", "warning")
    assert dead.message.startswith("7 blocks belong to deleted worktrees: /gone/0, ")
    assert dead.message.endswith(" and 2 more")
    assert check_entries([], ["/x"])[0].message == "1 block belongs to deleted worktrees: /x"
    assert (shared.code, shared.severity) == ("PW0312", "error")
    assert shared.message == "port 1 belongs to /a and to /b"


@pytest.mark.parametrize(
    ("text", "ephemeral", "reserved", "ports", "expected"),
    [
        pytest.param("", LINUX, (), (30000,), [("PW0402", "note")], id="default, low"),
        pytest.param("", LINUX, (), (40000,), [("PW0402", "warning")], id="default, high"),
        pytest.param("", LINUX, range(32768, 60000), (40000,), [], id="default, reserved"),
        pytest.param("", None, (), (40000,), [], id="unknown"),
        pytest.param("20000-30000", LINUX, (), (20000,), [], id="below"),
        pytest.param("40000-50000", LINUX, (), (), [("PW0402", "warning")], id="all within"),
        pytest.param("5000-5100", LINUX, (), (), [("PW0403", "warning")], id="sip"),
        pytest.param("61000-70000", LINUX, (), (), [("PW0405", "warning")], id="beyond"),
        pytest.param("80", None, (), (), [("PW0404", "error")], id="no pool"),
    ],
)
def test_the_pool(
    text: str,
    ephemeral: tuple[int, int] | None,
    reserved: range,
    ports: tuple[int, ...],
    expected: list[tuple[str, str]],
) -> None:
    found = check_pool(text, ephemeral, reserved, [entry("/a", *ports)])
    assert [(finding.code, finding.severity) for finding in found] == expected


def test_the_remedy_is_a_pool_without_findings() -> None:
    for text in ("", "40000-50000", "32768-33000"):
        (found,) = check_pool(text, LINUX, (), [entry("/a", 40000)])
        better = found.remedy.partition(";")[0].removeprefix("PORTWEAVE_POOL_RANGE=")
        assert check_pool(better, LINUX, (), []) == [], found.remedy
