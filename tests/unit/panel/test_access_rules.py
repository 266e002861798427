import pytest

from portweave.panel.access_rules import RequestHeaders, is_known_host, may_change, may_read

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
def test_hosts_of_the_panel_are_known(host: str) -> None:
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
def test_other_hosts_are_unknown(host: str | None) -> None:
    assert not is_known_host(host, PORT)


@pytest.mark.parametrize(
    ("asked", "is_allowed"),
    [
        (RequestHeaders(OWN), True),
        (RequestHeaders(OWN, site="same-origin", mode="cors"), True),
        (RequestHeaders(OWN, site="none", mode="navigate"), True),
        (RequestHeaders(OWN, site="cross-site", mode="navigate"), True),
        (RequestHeaders(OWN, site="cross-site", mode="no-cors"), False),
        (RequestHeaders(OWN, site="same-site", mode="cors"), False),
        (RequestHeaders("evil.example:6767", site="same-origin"), False),
        (RequestHeaders(None), False),
    ],
)
def test_only_pages_of_the_panel_may_read(asked: RequestHeaders, is_allowed: bool) -> None:
    assert may_read(asked, PORT) is is_allowed


@pytest.mark.parametrize(
    ("asked", "is_allowed"),
    [
        (RequestHeaders(OWN, token=TOKEN), True),
        (RequestHeaders(OWN, "http://127.0.0.1:6767", "same-origin", "cors", TOKEN), True),
        (RequestHeaders(OWN, "http://localhost:6767", token=TOKEN), True),
        (RequestHeaders("portweave.localhost", "https://portweave.localhost", token=TOKEN), True),
        (
            RequestHeaders(
                "portweave.localhost:1355", "http://portweave.localhost:1355", token=TOKEN
            ),
            True,
        ),
        (
            RequestHeaders(
                "portweave.localhost:1355", "http://portweave.localhost:80", token=TOKEN
            ),
            False,
        ),
        (RequestHeaders(OWN), False),
        (RequestHeaders(OWN, token=""), False),
        (RequestHeaders(OWN, token="b" * 64), False),
        (RequestHeaders(OWN, token=TOKEN + "a"), False),
        (RequestHeaders(OWN, token="\u00e4\udc80"), False),  # noqa: S106
        (RequestHeaders(OWN, "https://127.0.0.1:6767", token=TOKEN), False),
        (RequestHeaders(OWN, "http://127.0.0.1:3000", token=TOKEN), False),
        (RequestHeaders(OWN, "http://evil.example", token=TOKEN), False),
        (RequestHeaders(OWN, "null", token=TOKEN), False),
        (RequestHeaders(OWN, "", token=TOKEN), False),
        (RequestHeaders(OWN, "http://127.0.0.1:6767, http://evil.example", token=TOKEN), False),
        (RequestHeaders(OWN, site="same-site", token=TOKEN), False),
        (RequestHeaders(OWN, site="cross-site", mode="navigate", token=TOKEN), False),
        (RequestHeaders("evil.example:6767", token=TOKEN), False),
    ],
)
def test_a_change_needs_host_origin_and_token(asked: RequestHeaders, is_allowed: bool) -> None:
    assert may_change(asked, PORT, TOKEN) is is_allowed
