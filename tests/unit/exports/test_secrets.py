"""Secrets of definition files."""

import pytest

from portweave.exports.model import Hidden
from portweave.exports.secrets import hidden_variable, with_distinct_keys, without_secrets

URL = "postgres://shop:pw@db:30001/shop"


@pytest.mark.parametrize(
    ("name", "template", "text", "may_split", "expected"),
    [
        ("DB_PASSWORD", "x", "x", True, Hidden("DB_PASSWORD")),
        ("DB_PASSWORD", "", "", True, None),
        ("MODE", "dev", "dev", True, None),
        ("AUTH_PORT", "${auth}", "30001", True, None),
        ("AUTH_URL", "http://127.0.0.1:${auth}/v1", "http://auth:30001/v1", True, None),
        ("AUTH_HOST", "127.0.0.1:${auth}", "auth:30001", True, None),
        ("AUTH_URL", "http://x/secret", "http://x/secret", True, Hidden("AUTH_URL")),
        ("DB", URL, URL, False, Hidden("DB")),
        (
            "DB",
            "postgres://shop:pw@127.0.0.1:${db}/shop",
            URL,
            True,
            Hidden("DB_PASSWORD", "postgres://shop:", "@db:30001/shop"),
        ),
        ("DBS", f"{URL} {URL}", f"{URL} {URL}", True, Hidden("DBS")),
    ],
)
def test_variables_with_secrets_are_found(
    name: str, template: str, text: str, may_split: bool, expected: Hidden | None
) -> None:
    assert hidden_variable(name, template, text, may_split=may_split) == expected


def test_two_values_of_one_name_get_two_keys() -> None:
    hidden = {name: {"KEY": Hidden("KEY")} for name in ("a", "b-c")}
    equal = {name: {"KEY": "1"} for name in hidden}
    assert with_distinct_keys(hidden, equal) == hidden
    found = with_distinct_keys(hidden, equal | {"b-c": {"KEY": "2"}})
    assert found == {"a": {"KEY": Hidden("A_KEY")}, "b-c": {"KEY": Hidden("B_C_KEY")}}


@pytest.mark.parametrize(
    ("words", "masked"),
    [
        (("serve", "--port", "$PORT"), ("serve", "--port", "$PORT")),
        (("serve", "--password", "hunter2"), ("serve", "--password", "***")),
        (("serve", "--password", "$PASSWORD"), ("serve", "--password", "$PASSWORD")),
        (("serve", "--token=abc"), ("serve", "--token=***")),
        (("sh", "-c", "PGPASSWORD=abc psql"), ("sh", "-c", "PGPASSWORD=*** psql")),
        (("sh", "-c", "TOKEN=$TOKEN x"), ("sh", "-c", "TOKEN=$TOKEN x")),
        (("sh", "-c", "x --secret abc -v"), ("sh", "-c", "x --secret *** -v")),
        (("sh", "-c", "x --secret $A --auth -v"), ("sh", "-c", "x --secret $A --auth -v")),
        (("psql", URL), ("psql", "postgres://shop:***@db:30001/shop")),
        (("say", "planted-secret"), ("say", "***")),
    ],
)
def test_commands_are_written_without_secrets(
    words: tuple[str, ...], masked: tuple[str, ...]
) -> None:
    assert without_secrets(words, {"MY_SECRET": "planted-secret"}) == masked
