import pytest

from portweave.system.registry_lock import attempts_from


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", None),
        ("x", None),
        ("0", None),
        ("-5", None),
        ("1", 1),
        ("25", 1),
        ("26", 2),
        (" +500ms", 20),
        ("1e3", 1),
        ("0x64", None),
    ],
)
def test_attempts(text: str, expected: int | None) -> None:
    assert attempts_from(text) == expected
