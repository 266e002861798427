import pytest

from portweave.panel.gate import Asked, is_known_host, may_change, may_read

PORT = 6767
TOKEN = "a" * 64
OWN = "127.0.0.1:6767"


@pytest.mark.parametrize(
    "host",
    [
        OWN,
        "localhost:6767",
        "LOCALHOST:6767",
        "portweave.localhost",
        "portweave.localhost:1355",
    ],
)
def test_its_own_hosts_are_known(host: str) -> None:
    assert is_known_host(host, PORT)


@pytest.mark.parametrize(
    "host",
    [
        None,
        "",
        "127.0.0.1",
        "127.0.0.1:80",
        "127.0.0.1:06767",
        "127.0.0.1:6767:6767",
        "evil.example:6767",
        "localhost.evil.example:6767",
        "evil.localhost:6767",
        "portweave.localhost.evil.example",
        "portweave.localhost:x",
        "portweave.localhost:\u0661",
        "[::1]:6767",
        "user@localhost:6767",
    ],
)
def test_other_hosts_are_not(host: str | None) -> None:
    assert not is_known_host(host, PORT)


@pytest.mark.parametrize(
    ("asked", "is_allowed"),
    [
        (Asked(OWN), True),
        (Asked(OWN, site="same-origin", mode="cors"), True),
        (Asked(OWN, site="none", mode="navigate"), True),
        (Asked(OWN, site="cross-site", mode="navigate"), True),
        (Asked(OWN, site="cross-site", mode="no-cors"), False),
        (Asked(OWN, site="same-site", mode="cors"), False),
        (Asked("evil.example:6767", site="same-origin"), False),
        (Asked(None), False),
    ],
)
def test_reading_is_for_pages_of_its_own(asked: Asked, is_allowed: bool) -> None:
    assert may_read(asked, PORT) is is_allowed


@pytest.mark.parametrize(
    ("asked", "is_allowed"),
    [
        (Asked(OWN, token=TOKEN), True),
        (Asked(OWN, "http://127.0.0.1:6767", "same-origin", "cors", TOKEN), True),
        (Asked(OWN, "http://localhost:6767", token=TOKEN), True),
        (Asked("portweave.localhost", "https://portweave.localhost", token=TOKEN), True),
        (Asked("portweave.localhost:1355", "http://portweave.localhost:1355", token=TOKEN), True),
        (Asked("portweave.localhost:1355", "http://portweave.localhost:80", token=TOKEN), False),
        (Asked(OWN), False),
        (Asked(OWN, token=""), False),
        (Asked(OWN, token="b" * 64), False),
        (Asked(OWN, token=TOKEN + "a"), False),
        (Asked(OWN, token="\u00e4\udc80"), False),  # noqa: S106
        (Asked(OWN, "https://127.0.0.1:6767", token=TOKEN), False),
        (Asked(OWN, "http://127.0.0.1:3000", token=TOKEN), False),
        (Asked(OWN, "http://evil.example", token=TOKEN), False),
        (Asked(OWN, "null", token=TOKEN), False),
        (Asked(OWN, "", token=TOKEN), False),
        (Asked(OWN, "http://127.0.0.1:6767, http://evil.example", token=TOKEN), False),
        (Asked(OWN, site="same-site", token=TOKEN), False),
        (Asked(OWN, site="cross-site", mode="navigate", token=TOKEN), False),
        (Asked("evil.example:6767", token=TOKEN), False),
    ],
)
def test_changing_needs_all_of_it(asked: Asked, is_allowed: bool) -> None:
    assert may_change(asked, PORT, TOKEN) is is_allowed
