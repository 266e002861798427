import pytest

from portweave.errors import ConfigError
from portweave.planning.bus_plan import bus_plan
from portweave.procfiles.model import Bus
from portweave.supervisor.services.plan import BusPlan


def said() -> Bus:
    bus = Bus("/p")
    bus.url, bus.credentials, bus.ca = "nats://a:4222, tls://b", "/p/a.creds", "/p/ca.pem"
    return bus


def test_a_definition_names_the_bus_of_a_stack() -> None:
    environ = {"PORTWEAVE_REALM": "team", "NODE_ENV": "test"}
    assert bus_plan(None, "shop", "main", environ) is None
    assert bus_plan(said(), "shop", "main", environ) == BusPlan(
        ("nats://a:4222", "tls://b"),
        "team",
        "shop",
        "main",
        credentials="/p/a.creds",
        ca="/p/ca.pem",
        env="test",
    )


def test_the_environment_names_another_bus() -> None:
    environ = {
        "PORTWEAVE_REALM": "team",
        "PORTWEAVE_HUB": "nats://me:secret@c",
        "PORTWEAVE_HUB_CREDENTIALS": "/c.creds",
        "PORTWEAVE_PROJECT": "ignored",
    }
    for definition in (None, said()):
        assert bus_plan(definition, "shop", "main", environ) == BusPlan(
            ("nats://me:secret@c",), "team", "shop", "main", credentials="/c.creds"
        )


def test_a_realm_is_the_same_each_time() -> None:
    first, second = (bus_plan(said(), "shop", "main", {}) for _ in range(2))
    assert first is not None
    assert first == second
    assert len(first.realm) == 12


def test_a_name_that_no_subject_can_hold_is_refused() -> None:
    with pytest.raises(ConfigError, match="project"):
        bus_plan(said(), "é" * 100, "main", {})
