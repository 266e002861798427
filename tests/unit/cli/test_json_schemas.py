"""The JSON Schemas of what verbs print."""

import pytest
from jsonschema import Draft202012Validator

from portweave.arguments.global_options import VERBS
from portweave.cli.json_schemas import ERROR, VERBS_WITH_JSON, schema_of, schema_of_all


@pytest.mark.parametrize("verb", VERBS_WITH_JSON)
def test_each_schema_is_valid_and_of_a_verb(verb: str) -> None:
    assert verb in VERBS
    Draft202012Validator.check_schema(schema_of(verb))


def test_all_of_them_are_one_object() -> None:
    found = schema_of_all()
    assert found["verbs"] == {verb: schema_of(verb) for verb in VERBS_WITH_JSON}


def test_an_answer_without_a_key_does_not_fit() -> None:
    check = Draft202012Validator(schema_of("version"))
    assert check.is_valid({"schemaVersion": 1, "version": "1"})
    assert not check.is_valid({"schemaVersion": 1})
    assert not Draft202012Validator(ERROR).is_valid({"error": {"code": "PW0101"}})
