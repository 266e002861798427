"""Labels of host names."""

import pytest

from portweave.encoding.host_labels import (
    hostname,
    instance_host,
    is_hostname,
    label,
)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("My_Api", "my-api"),
        ("web.2", "web-2"),
        ("-x-", "x"),
        ("ä", ""),
        ("Käse shop", "k-se-shop"),
        ("x" * 62 + "-yz", "x" * 62),
    ],
)
def test_a_text_becomes_a_label(text: str, found: str) -> None:
    assert label(text) == found


def test_dots_stay_where_there_may_be_some() -> None:
    assert hostname("API_1.Admin.") == "api-1.admin"
    assert is_hostname("API_1.admin")
    for text in ("", ".", "a.", "-a", "a-", "a b", "x" * 64, "ä"):
        assert not is_hostname(text)


def test_instances_differ_in_the_first_label() -> None:
    assert instance_host("web", 1) == "web"
    assert instance_host("web", 2) == "web-2"
    assert instance_host("api.admin", 3) == "api-3.admin"
    assert instance_host("ä", 1) == "service"
