import pytest

from portweave.calls.bus_address import Place
from portweave.calls.bus_settings import (
    BusSettings,
    has_password,
    read_environment,
    read_urls,
)
from portweave.errors import ConfigError


def test_the_environment_names_a_bus() -> None:
    assert read_environment({}, "machine") is None
    assert read_environment({"PORTWEAVE_HUB": ""}, "machine") is None
    assert read_environment({"PORTWEAVE_HUB": "nats://h:4222"}, "machine") == BusSettings(
        ("nats://h:4222",), Place("machine", "default", "main")
    )


def test_variables_say_what_a_member_is() -> None:
    found = read_environment(
        {
            "PORTWEAVE_HUB": "nats://a:1, tls://b",
            "PORTWEAVE_HUB_CREDENTIALS": "/x.creds",
            "PORTWEAVE_REALM": "team",
            "PORTWEAVE_PROJECT": "shop",
            "PORTWEAVE_NAMESPACE": "feature",
            "NODE_ENV": "production",
        },
        "machine",
    )
    assert found == BusSettings(
        ("nats://a:1", "tls://b"),
        Place("team", "shop", "feature"),
        credentials="/x.creds",
        env="production",
    )
    assert found is not None
    assert found.uses_tls


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("127.0.0.1:4222", "does not begin with"),
        ("http://h", "does not begin with"),
        ("nats://", "names no host"),
        ("nats://h:99999", "ort"),
        ("nats://h/path", "more than a host"),
        (",", "no server"),
    ],
)
def test_a_url_of_something_else_is_refused(text: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        read_urls(text)
    with pytest.raises(ConfigError, match="PORTWEAVE_HUB"):
        read_environment({"PORTWEAVE_HUB": text}, "machine")


def test_a_password_is_never_shown() -> None:
    assert has_password("nats://me:secret@h")
    assert not has_password("nats://h:4222")
    settings = BusSettings(("nats://me:secret@h:1", "nats://token@i"), Place("r", "p", "n"))
    assert settings.shown == "nats://h:1,nats://i"
    with pytest.raises(ConfigError) as caught:
        read_environment({"PORTWEAVE_HUB": "http://me:secret@h"}, "machine")
    assert "secret" not in caught.value.message
