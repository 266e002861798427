import pytest

from portweave.encoding.short_names import short_names


@pytest.mark.parametrize(
    ("names", "shown"),
    [
        ([], []),
        (["web", "exactly-16-wide-"], ["web", "exactly-16-wide-"]),
        (["checkout-service-1", "checkout-service-2"], ["checkout…rvice-1", "checkout…rvice-2"]),
        (
            ["my-service-alpha-backend", "my-service-bravo-backend"],
            ["my-ser…a-backend", "my-ser…o-backend"],
        ),
        (["checkout…rvice-1", "checkout-service-1"], ["checkout…rvice-1", "checkout-…vice-1"]),
    ],
)
def test_long_names_are_cut_in_the_middle(names: list[str], shown: list[str]) -> None:
    assert list(short_names(names).values()) == shown


def test_names_that_differ_in_the_middle_alone_are_numbered() -> None:
    names = [f"{'a' * 20}{n}{'b' * 20}" for n in range(3)]
    assert list(short_names(names).values()) == [f"{'a' * 14}…{n}" for n in (1, 2, 3)]


def test_the_mark_may_be_ascii() -> None:
    assert short_names(["checkout-service-1"], mark="~") == {
        "checkout-service-1": "checkout~rvice-1"
    }
