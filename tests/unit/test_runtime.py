"""Result types, and the cost of importing them."""

import subprocess
import sys
from typing import assert_never, assert_type

import pytest

from portweave.errors import NoServicesError, PortweaveError
from portweave.runtime import Err, Ok, Result

ERROR = NoServicesError("/code")


def describe(result: Result[int]) -> str:
    match result:
        case Ok(value):
            return f"ok {value}"
        case Err(error):
            return f"err {error.code}"


def answer(value: dict[str, int] | None) -> Result[dict[str, int]]:
    return Err(ERROR) if value is None else Ok(value)


def test_a_type_checker_narrows_it_either_way() -> None:
    for result in (answer({"web": 1}), answer(None)):
        if result.ok:
            assert_type(result.value, dict[str, int])
        else:
            assert_type(result.error, PortweaveError)
        if result:
            assert_type(result, Ok[dict[str, int]])
        else:
            assert_type(result, Err)
        match result:
            case Ok(value):
                assert_type(value, dict[str, int])
            case Err(error):
                assert_type(error, PortweaveError)
            case _:
                assert_never(result)
    assert_type(answer({}).unwrap(), dict[str, int])


def test_a_result_is_matched() -> None:
    assert (describe(Ok(3)), describe(Err(ERROR))) == ("ok 3", "err PW0701")


def test_a_result_tells_by_its_attributes() -> None:
    good: Result[int] = Ok(3)
    bad: Result[int] = Err(ERROR)
    assert good.ok
    assert good.value == 3
    assert not bad.ok
    assert bad.error is ERROR
    assert [bool(good), bool(bad)] == [True, False]


def test_a_missing_attribute_of_a_result_raises() -> None:
    with pytest.raises(AttributeError, match="a success has no error"):
        _ = Ok(3).error
    with pytest.raises(NoServicesError) as caught:
        _ = Err(ERROR).value
    assert caught.value is ERROR


def test_unwrap_gives_the_value_or_raises_the_coded_error() -> None:
    assert Ok(3).unwrap() == 3
    with pytest.raises(PortweaveError, match="walking up from /code") as caught:
        Err(ERROR).unwrap()
    assert caught.value.code == "PW0701"


def test_results_compare_and_show_what_is_in_them() -> None:
    assert Ok([1]) == Ok([1])
    assert Ok(1) != Ok(2)
    assert Ok(1) != 1
    assert {Ok(1), Ok(1)} == {Ok(1)}
    assert repr(Ok(1)) == "Ok(1)"
    assert repr(Err(ERROR)).startswith("Err(PW0701: no portweave.config.json found")


def test_annotations_may_be_evaluated() -> None:
    assert "Ok[int]" in str(describe.__annotations__["result"])
    assert Ok[int](1) == Ok(1)
    assert isinstance(Ok(1), Ok)
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        __import__("portweave.runtime").runtime.nothing  # noqa: B018


def test_importing_it_imports_nothing_that_costs() -> None:
    code = """
import sys
before = set(sys.modules)
import portweave.runtime
print(*sorted(set(sys.modules) - before))
"""
    done = subprocess.run(
        [sys.executable, "-I", "-c", code], capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["portweave", "portweave.runtime"]
