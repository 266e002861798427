import copy
import pickle

from portweave.encoding.value import replace, value


@value
class Point:
    x: int
    y: int = 0


def test_values_with_equal_fields_are_equal() -> None:
    assert Point(1) == Point(1, 0)
    assert Point(1) != Point(2)
    assert len({Point(1), Point(1, 0)}) == 1


def test_a_value_survives_copying_and_pickling() -> None:
    point = Point(3, 4)
    assert copy.copy(point) == point
    assert pickle.loads(pickle.dumps(point)) == point  # noqa: S301


def test_a_copy_has_the_changed_fields() -> None:
    assert replace(Point(1, 2), y=3) == Point(1, 3)


def test_a_value_shows_its_fields() -> None:
    assert repr(Point(1)) == "Point(x=1, y=0)"
