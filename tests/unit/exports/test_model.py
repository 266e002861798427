import pytest

from portweave.errors import ExportNameError
from portweave.exports.model import is_own_url, label_of, labels_of, whole_seconds


@pytest.mark.parametrize(
    ("name", "label"), [("web", "web"), ("web.2", "web-2"), ("My_Api", "my-api")]
)
def test_a_name_becomes_a_host_label(name: str, label: str) -> None:
    assert label_of(name) == label


def test_equal_or_long_labels_are_refused() -> None:
    assert labels_of(["web", "api"], label_of, 63) == {"web": "web", "api": "api"}
    with pytest.raises(ExportNameError):
        labels_of(["a_b", "a-b"], label_of, 63)
    with pytest.raises(ExportNameError):
        labels_of(["web"], label_of, 2)


@pytest.mark.parametrize(
    ("url", "port", "is_own"),
    [
        ("http://127.0.0.1:8000/", 8000, True),
        ("http://localhost:8000", 8000, True),
        ("http://127.0.0.1:8001/", 8000, False),
        ("http://example.org:8000", 8000, False),
    ],
)
def test_own_urls_are_found(url: str, port: int, is_own: bool) -> None:
    assert is_own_url(url, port) is is_own


@pytest.mark.parametrize(("time_s", "seconds"), [(0.2, 1), (1.0, 1), (1.01, 2), (10, 10)])
def test_seconds_are_rounded_up(time_s: float, seconds: int) -> None:
    assert whole_seconds(time_s) == seconds
