"""Values: made from their fields, compared and shown by them."""

import pickle
from collections.abc import Mapping

import pytest

from portweave.encoding.value import as_dict, field, replace, value


@value
class Point:
    x: int
    y: int = 0
    names: Mapping[str, int] = field(default_factory=dict[str, int])


@value
class Labelled(Point):
    label: str = ""


@value
class Nothing:
    pass


def test_fields_are_set_by_place_and_by_name() -> None:
    assert vars(Point(1)) == {"x": 1, "y": 0, "names": {}}
    assert vars(Point(1, names={"a": 2})) == {"x": 1, "y": 0, "names": {"a": 2}}
    assert vars(Labelled(1, 2, label="a")) == {"x": 1, "y": 2, "names": {}, "label": "a"}


@pytest.mark.parametrize("arguments", [{}, {"x": 1, "z": 2}])
def test_missing_and_unknown_fields_are_errors(arguments: dict[str, int]) -> None:
    with pytest.raises(TypeError):
        Point(**arguments)  # type: ignore[arg-type]


def test_a_default_that_is_made_is_not_shared() -> None:
    assert Point(1).names is not Point(1).names


def test_values_are_equal_by_kind_and_fields() -> None:
    assert Point(1, 2) == Point(1, 2) != Point(1, 3)
    assert Point(1, 2) != Labelled(1, 2)
    assert Nothing() == Nothing()


def test_values_of_hashable_fields_are_hashable() -> None:
    assert len({replace(Nothing()), Nothing()}) == 1
    with pytest.raises(TypeError):
        hash(Point(1))


def test_a_value_shows_its_fields() -> None:
    assert repr(Point(1, 2)) == "Point(x=1, y=2, names={})"


def test_replace_changes_some_fields_of_another_value() -> None:
    before = Labelled(1, label="a")
    assert vars(replace(before, y=5)) == {"x": 1, "y": 5, "names": {}, "label": "a"}
    assert before.y == 0


def test_fields_can_be_matched_by_place() -> None:
    match Labelled(1, 2, {}, "a"):
        case Labelled(x, y, _, label):
            assert (x, y, label) == (1, 2, "a")


def test_a_dict_of_a_value_has_those_in_it_as_dicts() -> None:
    outer = Labelled(1, names={"a": 1}, label="b")
    inside = {"x": 1, "y": 0, "names": {"a": 1}, "label": "b"}
    assert as_dict(Point(0, 1, {"one": outer})) == {  # type: ignore[dict-item]
        "x": 0,
        "y": 1,
        "names": {"one": inside},
    }


def test_a_value_can_be_pickled() -> None:
    assert pickle.loads(pickle.dumps(Point(1, 2))) == Point(1, 2)  # noqa: S301
