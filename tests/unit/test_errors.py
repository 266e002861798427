"""What every error holds to."""

from portweave.errors import LONGEST_MESSAGE, PortweaveError


def test_a_message_is_bounded_and_says_what_it_lacks() -> None:
    error = PortweaveError("a cycle: " + "name -> " * 1000, hint=("h" * 5000, *["hint"] * 100))
    assert len(error.message) == LONGEST_MESSAGE
    assert error.message.endswith("… (8009 characters in all)")
    assert str(error) == error.message
    assert all(len(hint) <= LONGEST_MESSAGE for hint in error.hints)
    assert error.hints[-1] == "… and 51 more"


def test_a_message_that_is_not_too_long_stays_as_it_is() -> None:
    text = "x" * LONGEST_MESSAGE
    assert PortweaveError(PortweaveError(text).message).message == text
