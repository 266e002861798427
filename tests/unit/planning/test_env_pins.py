import pytest

from portweave.planning.env_pins import without_pins

PORTS = {30001, 30002}


@pytest.mark.parametrize(
    ("line", "removed", "mentions"),
    [
        ("WEB_PORT=30001", ["WEB_PORT"], []),
        ("export WEB_PORT=30001", ["WEB_PORT"], []),
        ('  DB = "30002"', ["DB"], []),
        ("DB='30002' # the database", ["DB"], []),
        ("WEB_PORT=30003", [], []),
        ("SECRET=x", [], []),
        ("# WEB_PORT=30001", [], []),
        ("URL=http://localhost:30001/x", [], ["URL"]),
        ("ID=130001", [], []),
        ("PRICE=30001.5", [], []),
        ("30001", [], []),
        ("", [], []),
    ],
)
def test_a_line_that_sets_a_port_is_left_out_and_one_with_it_is_named(
    line: str, removed: list[str], mentions: list[str]
) -> None:
    found = without_pins(f"A=1\n{line}\nB=2\n", PORTS)
    assert (list(found.removed), list(found.mentions)) == (removed, mentions)
    assert found.text == ("A=1\nB=2\n" if removed else f"A=1\n{line}\nB=2\n")


def test_without_ports_nothing_changes() -> None:
    text = "WEB_PORT=30001\r\nA=1"
    assert without_pins(text, frozenset()).text == text
