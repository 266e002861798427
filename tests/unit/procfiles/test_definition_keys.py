"""The tables of definition keys."""

import pytest

from portweave.procfiles import ready_keys, shape
from portweave.procfiles.definition_keys import READING_ORDER, SERVICE, SERVICE_NAMES
from portweave.procfiles.keys import Key, names

RESERVED = {"scope", "hooks", "resources"}


@pytest.mark.parametrize("table", [shape.ROOT, SERVICE, ready_keys.KEYS])
def test_a_table_has_each_key_once(table: tuple[Key, ...]) -> None:
    assert len(set(names(table))) == len(table)


@pytest.mark.parametrize("key", [*shape.ROOT, *SERVICE, *ready_keys.KEYS], ids=lambda key: key.name)
def test_every_key_but_a_reserved_one_has_a_schema_and_a_meaning(key: Key) -> None:
    if key.name in RESERVED:
        assert (key.schema, key.meaning) == (None, "")
    else:
        assert key.schema is not None
        assert key.meaning.endswith(".")


def test_the_reading_order_has_the_same_keys_as_the_table() -> None:
    assert set(READING_ORDER) == set(SERVICE)
    assert set(SERVICE_NAMES) == set(names(SERVICE))


def test_every_kind_of_probe_is_a_key() -> None:
    assert ready_keys.PROBES == ("http", "tcp", "exec", "log", "notify")
