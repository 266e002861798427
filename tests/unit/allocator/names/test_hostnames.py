"""Host names: the table has portless's results."""

import pytest

from portweave.allocator.names.hostnames import parse_hostname
from portweave.errors import HostnameError


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("api", "api.localhost"),
        ("API.x", "api.x.localhost"),
        (" api\n", "api.localhost"),
        ("\ufeffapi", "api.localhost"),
        ("http://a/b", "a.localhost"),
        ("https://a.localhost/", "a.localhost"),
        ("localhost", "localhost.localhost"),
        ("a.LOCALHOST", "a.localhost"),
        ("a.localhost.localhost", "a.localhost.localhost"),
        ("a.-b", "a.-b.localhost"),
        ("x" * 63, "x" * 63 + ".localhost"),
    ],
)
def test_a_name_is_completed(text: str, name: str) -> None:
    assert parse_hostname(text) == name


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "Hostname cannot be empty"),
        (".localhost", "Hostname cannot be empty"),
        ("http:///a", "Hostname cannot be empty"),
        ("HTTP://a", 'Invalid hostname "http:": must contain only'),
        ("a.localhost:80", 'Invalid hostname "a.localhost:80": must contain only'),
        ("a..b", 'Invalid hostname "a..b": consecutive dots are not allowed'),
        ("-a", 'Invalid hostname "-a": must contain only'),
        ("a.", 'Invalid hostname "a.": must contain only'),
        ("a_b", 'Invalid hostname "a_b": must contain only'),
        ("\u212aelvin", "must contain only"),
        ("x" * 64, "exceeds 63-character DNS limit"),
        (".".join(["x" * 60] * 4) + ".xy", "exceeds 253-character DNS limit"),
    ],
)
def test_an_invalid_name_is_refused(text: str, words: str) -> None:
    with pytest.raises(HostnameError) as caught:
        parse_hostname(text)
    assert words in caught.value.message


def test_another_top_level_domain_is_appended() -> None:
    assert parse_hostname("a.test", "test") == parse_hostname("a", "test") == "a.test"
