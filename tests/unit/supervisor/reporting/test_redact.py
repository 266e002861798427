import pytest

from portweave.supervisor.reporting.redact import (
    hide,
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
