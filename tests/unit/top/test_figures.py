import pytest

from portweave.top.figures import age_text, bar, percent_text, size_text


@pytest.mark.parametrize(
    ("age_s", "text"),
    [(-3, "0s"), (59.9, "59s"), (60, "1m"), (3599, "59m"), (86_399, "23h"), (86_400 * 400, "400d")],
)
def test_an_age_is_in_its_largest_unit(age_s: float, text: str) -> None:
    assert age_text(age_s) == text


@pytest.mark.parametrize(
    ("amount", "text"),
    [(0, "0 MB"), (999_999_999, "999 MB"), (1_240_000_000, "1.2 GB"), (64_000_000_000, "64.0 GB")],
)
def test_a_size_has_seven_characters_at_most(amount: int, text: str) -> None:
    assert size_text(amount) == text
    assert len(text) <= 7


@pytest.mark.parametrize(
    ("percent", "text"), [(0, "0.0%"), (41.46, "41.5%"), (99.96, "100%"), (799.6, "800%")]
)
def test_a_share_has_five_characters_at_most(percent: float, text: str) -> None:
    assert percent_text(percent) == text
    assert len(text) <= 5


@pytest.mark.parametrize(
    ("share", "shown"),
    [
        (-1, ("", "────")),
        (0, ("", "────")),
        (0.12, ("╸", "───")),
        (0.5, ("━━", "──")),
        (0.63, ("━━╸", "─")),
        (1, ("━━━━", "")),
        (7, ("━━━━", "")),
    ],
)
def test_a_bar_and_its_track_fill_the_width(share: float, shown: tuple[str, str]) -> None:
    assert bar(share, 4) == shown
