"""The tables of definition keys."""

import pytest

from portweave.procfiles import hook_keys, ready_keys, shape
from portweave.procfiles.definition_keys import READING_ORDER, SERVICE, SERVICE_NAMES
from portweave.procfiles.fields import Key, names

RESERVED = {"scope", "hooks", "resources"}


TABLES = (
    shape.ROOT,
    SERVICE,
    ready_keys.KEYS,
    hook_keys.HOOKS,
    hook_keys.SETUP,
    hook_keys.TEARDOWN,
    hook_keys.WORKTREE,
)


@pytest.mark.parametrize("table", TABLES)
def test_a_table_has_each_key_once(table: tuple[Key, ...]) -> None:
    assert len(set(names(table))) == len(table)


@pytest.mark.parametrize(
    "key", [key for table in TABLES for key in table], ids=lambda key: key.name
)
def test_every_key_but_a_reserved_one_has_a_schema_and_a_meaning(key: Key) -> None:
    if key.name in RESERVED and key not in shape.ROOT:
        assert (key.schema, key.meaning) == (None, "")
    else:
        assert key.schema is not None
        assert key.meaning.endswith(".")


def test_the_reading_order_has_the_same_keys_as_the_table() -> None:
    assert set(READING_ORDER) == set(SERVICE)
    assert set(SERVICE_NAMES) == set(names(SERVICE))


def test_every_kind_of_probe_is_a_key() -> None:
    assert ready_keys.PROBES == ("http", "tcp", "exec", "log", "notify")
