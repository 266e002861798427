"""The JSON Schemas of what verbs print."""

import pytest

from portweave.arguments.global_options import VERBS
from portweave.cli.json_schemas import ERROR, VERBS_WITH_JSON, schema_of, schema_of_all
from tests.support.schema_checks import VALIDATOR, problems


@pytest.mark.parametrize("verb", VERBS_WITH_JSON)
def test_each_schema_is_valid_and_of_a_verb(verb: str) -> None:
    assert verb in VERBS
    VALIDATOR.check_schema(schema_of(verb))


def test_all_of_them_are_one_object() -> None:
    found = schema_of_all()
    assert found["verbs"] == {verb: schema_of(verb) for verb in VERBS_WITH_JSON}


def test_an_answer_without_a_key_does_not_fit() -> None:
    schema = schema_of("version")
    assert problems({"schemaVersion": 1, "version": "1"}, schema) == []
    assert problems({"schemaVersion": 1}, schema) == ["$: 'version' is a required property"]
    assert problems({"error": {"code": "PW0101"}}, ERROR) != []


def test_a_key_that_no_schema_names_is_found() -> None:
    given = {"schemaVersion": 1, "version": "1", "more": 2}
    assert problems(given, schema_of("version")) == [".more"]
