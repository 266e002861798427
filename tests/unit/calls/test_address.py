import pytest

from portweave.calls.address import guarded, is_name, normal, split, value
from portweave.errors import BadPath


@pytest.mark.parametrize(
    ("address", "first", "rest"),
    [
        ("api/path", "api", "path"),
        ("/api/path", "api", "path"),
        ("ping", "ping", ""),
        ("api", "api", ""),
        ("api/", "api", ""),
        ("API/x", "API", "x"),
        ("Api/x", "Api", "x"),
        ("sp%20ace/x", "sp ace", "x"),
        ("a%2Fb/x", "a/b", "x"),
        ("api/%252E", "api", "%252E"),
        ("api//lead", "api", "/lead"),
        ("api/a?b=c", "api", "a?b=c"),
        ("", "", ""),
    ],
)
def test_an_address_is_the_name_of_a_connection_and_a_path(
    address: str, first: str, rest: str
) -> None:
    assert split(address) == (first, rest)


@pytest.mark.parametrize("address", ["x/%zz", "%", "x/%4", "x/%ff", "%c3/x", "x/%e2%82"])
def test_a_path_that_cannot_be_decoded_is_bad(address: str) -> None:
    with pytest.raises(BadPath) as caught:
        split(address)
    assert (caught.value.status, caught.value.code) == (400, "PW1204")
    with pytest.raises(BadPath):
        normal(address)


def test_a_path_never_looks_like_a_method_of_the_hub() -> None:
    assert guarded("$/cancel") == "/$/cancel"
    assert guarded("x/$/cancel") == "x/$/cancel"


@pytest.mark.parametrize("name", ["", "a/b", "$a", "a\n", "\x00", "\x1b[31m", "a\u200b"])
def test_not_every_text_is_a_name(name: str) -> None:
    assert not is_name(name)


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("a/b", "a/b"),
        ("caf%C3%A9", "café"),
        ("a%2fb", "a%2Fb"),
        ("%252E", "%252E"),
        ("100%25", "100%25"),
        ("%41%2F%42", "A%2FB"),
    ],
)
def test_a_normal_path_keeps_only_the_escapes_that_mean_something(path: str, found: str) -> None:
    assert normal(path) == found
    assert normal(found) == found


def test_a_part_is_decoded_once() -> None:
    assert value(normal("%252E")) == "%2E"
    assert value(normal("a%2Fb")) == "a/b"
