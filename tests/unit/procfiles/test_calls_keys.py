import json

import pytest

from portweave.errors import DefinitionsInvalidError
from portweave.procfiles import definitions, jsonfile
from portweave.procfiles.model import Definitions


def build(**keys: object) -> Definitions:
    value = {"services": {"web": {"command": "x", "exported": True}}, **keys}
    document = jsonfile.parse(
        json.dumps(value), "/p/portweave.config.json", "portweave.config.json"
    )
    return definitions.build(document, None)


def test_calls_names_a_bus_and_its_files() -> None:
    found = build(
        calls={
            "bus": "nats://h:4222, tls://[::1]",
            "credentials": "a.creds",
            "ca": "/ca.pem",
            "cert": "c",
            "key": "k",
        }
    )
    assert found.bus is not None
    assert found.bus.url == "nats://h:4222, tls://[::1]"
    assert (found.bus.credentials, found.bus.ca) == ("/p/a.creds", "/ca.pem")
    assert (found.bus.cert, found.bus.key) == ("/p/c", "/p/k")
    assert [service.exported for service in found.services] == [True]


def test_without_calls_there_is_no_bus() -> None:
    assert build().bus is None


@pytest.mark.parametrize(
    ("calls", "message"),
    [
        ("nats://h", "expected object, received string"),
        ({}, "calls must name a bus"),
        ({"bus": " "}, "calls.bus"),
        ({"bus": "http://h"}, "bus must be nats://host:port"),
        ({"bus": "nats://h:99999"}, "bus must be nats://host:port"),
        ({"bus": "nats://h/path"}, "bus must be nats://host:port"),
        ({"bus": "nats://me:secret@h"}, "must hold no user or password"),
        ({"bus": "nats://token@h"}, "must hold no user or password"),
        ({"bus": "nats://h", "key": "k"}, "key needs cert"),
        ({"bus": "nats://h", "buss": 1}, "buss"),
    ],
)
def test_what_is_no_bus_is_refused(calls: object, message: str) -> None:
    with pytest.raises(DefinitionsInvalidError) as caught:
        build(calls=calls)
    assert caught.value.code == "PW0102"
    assert message in caught.value.message
    assert "secret" not in caught.value.message
