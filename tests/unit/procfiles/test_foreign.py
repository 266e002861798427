from collections.abc import Mapping

import pytest

from portweave.procfiles import life_keys, npm_keys, ready_keys, start_keys
from portweave.procfiles.fields import names
from portweave.procfiles.foreign import FOREIGN_READY, FOREIGN_ROOT, FOREIGN_SERVICE
from portweave.procfiles.shape import ROOT

ROOT_NAMES = set(names(ROOT))
SERVICE_NAMES = {"ready", *names((*npm_keys.KEYS, *start_keys.KEYS, *life_keys.KEYS))}
READY_NAMES = set(names(ready_keys.KEYS))


@pytest.mark.parametrize(
    ("foreign", "own"),
    [
        (FOREIGN_ROOT, ROOT_NAMES),
        (FOREIGN_SERVICE, SERVICE_NAMES),
        (FOREIGN_READY, READY_NAMES),
    ],
    ids=["root", "service", "ready"],
)
def test_hints_for_foreign_keys_name_existing_keys(
    foreign: Mapping[str, str], own: set[str]
) -> None:
    assert {text.replace(",", " ").replace(".", " ").split()[0] for text in foreign.values()} <= own
    assert not set(foreign) & own
