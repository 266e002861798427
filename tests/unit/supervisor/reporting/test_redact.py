import pytest

from portweave.supervisor.reporting.redact import (
    hide,
    hide_printed,
    masked,
)

ENVIRONMENT = {
    "API_TOKEN": "t0k3n-of-mine",
    "DB_PASSWORD": "hunter22",
    "SHORT_KEY": "abc",
    "DATABASE_URL": "postgres://shop:s3cr3ts@127.0.0.1/shop",
    "HOME": "/home/me",
    "EMPTY_SECRET": "",
}


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("", ""),
        ("no secret here", "no secret here"),
        ("curl -H 'x: t0k3n-of-mine' failed", "curl -H 'x: ***' failed"),
        ("password hunter22 is wrong", "password *** is wrong"),
        ("abc in /home/me", "abc in /home/me"),
        ("cannot reach postgres://shop:s3cr3ts@127.0.0.1/shop", None),
        ("auth for s3cr3ts failed", "auth for *** failed"),
        ("http://me:otherpass@host/x", "http://me:***@host/x"),
        ("http://host:80/x", "http://host:80/x"),
    ],
)
def test_secrets_of_the_environment_are_masked(text: str, shown: str | None) -> None:
    found = hide(text, ENVIRONMENT)
    assert not any(s in found for s in ("t0k3n-of-mine", "hunter22", "s3cr3ts"))
    if shown is not None:
        assert found == shown


def test_a_secret_that_is_a_part_of_another_does_not_uncover_it() -> None:
    assert hide("x abcdefgh y", {"A_TOKEN": "abcdef", "B_TOKEN": "abcdefgh"}) == "x *** y"


def test_an_environment_is_shown_without_secrets_however_short() -> None:
    environment = {
        "API_KEY": "k1",
        "EMPTY_TOKEN": "",
        "DATABASE_URL": "postgres://shop:pw@127.0.0.1/shop",
        "MY_PASSWORD": "long-enough",
        "OPTIONS": "--pw=long-enough",
        "PATH": "/bin",
    }
    assert masked(environment) == {
        "API_KEY": "***",
        "EMPTY_TOKEN": "",
        "DATABASE_URL": "postgres://shop:***@127.0.0.1/shop",
        "MY_PASSWORD": "***",
        "OPTIONS": "--pw=***",
        "PATH": "/bin",
    }


def test_the_working_directory_and_authors_are_no_secrets() -> None:
    environment = {
        "PWD": "/home/me/shop",
        "GIT_AUTHOR_NAME": "Someone",
        "DB_PWD": "hunter22",
        "BASIC_AUTH": "me:letmein",
        "HTTP_AUTHORIZATION": "Bearer me",
    }
    text = "Someone in /home/me/shop: hunter22, me:letmein, Bearer me"
    assert hide(text, environment) == "Someone in /home/me/shop: ***, ***, ***"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("connecting with password=letmein now", "connecting with password=*** now"),
        ("STRIPE_API_KEY=sk_live_1 PORT=80", "STRIPE_API_KEY=*** PORT=80"),
        ("GET /login?token=abc123&next=home", "GET /login?token=***&next=home"),
        ('{"level": "info", "apiKey": "k-1-2-3"}', '{"level": "info", "apiKey": "***"}'),
        ("{'password': 'letmein'}", "{'password': '***'}"),
        ("Authorization: Bearer eyJhbGciOi.J9", "Authorization: Bearer ***"),
        ("curl -u: basic bWU6bGV0bWVpbg==", "curl -u: basic ***"),
        ("hunter22 of the environment", "*** of the environment"),
        # No secrets.
        ("SyntaxError: Unexpected token: punc", "SyntaxError: Unexpected token: punc"),
        ("Unexpected token } in JSON", "Unexpected token } in JSON"),
        ("author=Someone key: x", "author=Someone key: x"),
        ("a basic server", "a basic server"),
        ("listening on port=3000", "listening on port=3000"),
    ],
)
def test_secrets_that_a_program_prints_by_name_are_masked(text: str, shown: str) -> None:
    assert hide_printed(text, ENVIRONMENT) == shown


@pytest.mark.parametrize(
    ("value", "text", "shown"),
    [
        ("two\n  lines", "fatal: two lines", "fatal: ***"),
        ("two\n  lines", "fatal: two\n  lines", "fatal: ***"),
        ("a      b", "a b", "a b"),
        ("       ", "a b", "a b"),
    ],
)
def test_a_secret_is_masked_where_its_blanks_have_become_one(
    value: str, text: str, shown: str
) -> None:
    assert hide(text, {"DB_PASSWORD": value}) == shown
