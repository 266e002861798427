"""What `up` was asked for, as a value, as JSON and as words."""

import json

import pytest

from portweave.encoding.json_text import compact
from portweave.planning.stack_request import (
    StackNames,
    StackRequest,
    StartOptions,
    options_from_json,
    request_from_json,
    restart_from,
    restart_policy,
    restart_text,
)
from portweave.supervisor.services.plan import RestartPolicy, When

BARE = StackRequest({}, "/code/shop")
FULL = StackRequest(
    environ={"A": "b\nc", "B": "\udcff"},
    working_dir="/code/shop/api",
    config="dev.yaml",
    options=StartOptions(
        services=("web", "db"),
        profiles=("debug",),
        scale={"web": 3, "db": 0},
        with_needs=False,
        restart=restart_policy("on-failure", 3),
        timeout_s=90.0,
        watch=True,
        with_proxy=False,
    ),
    names=StackNames("shop", "shop.localhost", 1355, "https"),
    files=("/code/shop/api/dev.yaml",),
    defined=("web", "db"),
)
# The object that the supervisor of portweave 1.7 kept after
# `up --profile debug --scale web=3 --no-deps --restart on-failure:3 --timeout 90 --watch web db`.
KEPT = """
{"changes": 2, "environ": {"A": "b"}, "workingDir": "/code/shop", "config": "dev.yaml",
 "count": null, "services": ["web", "db"], "profiles": ["debug"], "scale": {"web": 3},
 "noDeps": true, "restart": "on-failure:3", "timeoutS": 90.0, "watch": true, "noProxy": false,
 "names": {"project": "shop", "domain": "shop.localhost", "port": 1355},
 "defined": {"files": ["/code/shop/dev.yaml"], "services": ["web", "db"]}}
"""


@pytest.mark.parametrize("request_", [BARE, FULL, StackRequest({}, "/", count=3)])
def test_a_request_survives_its_way_through_json(request_: StackRequest) -> None:
    assert request_from_json(json.loads(compact(request_.as_json()))) == request_


def test_a_request_is_read_from_the_record_of_an_older_portweave() -> None:
    assert request_from_json(json.loads(KEPT)) == StackRequest(
        environ={"A": "b"},
        working_dir="/code/shop",
        config="dev.yaml",
        options=StartOptions(
            services=("web", "db"),
            profiles=("debug",),
            scale={"web": 3},
            with_needs=False,
            restart=RestartPolicy(When.ON_FAILURE, 3),
            timeout_s=90.0,
            watch=True,
        ),
        names=StackNames("shop", "shop.localhost", 1355, "http"),
        files=("/code/shop/dev.yaml",),
        defined=("web", "db"),
    )


def test_the_keys_that_an_older_portweave_reads_are_written() -> None:
    newer = {"skipHooks"}
    assert FULL.as_json().keys() - newer == json.loads(KEPT).keys() - {"changes"}
    assert StackRequest({}, "/").as_json()["names"] is None


def test_damaged_options_get_their_defaults() -> None:
    damaged: dict[str, object] = {
        "services": 3,
        "scale": [],
        "profiles": None,
        "timeoutS": "x",
        "restart": 1,
    }
    assert options_from_json({}) == options_from_json(damaged) == StartOptions()
    assert options_from_json({"restart": "sometimes", "scale": {"web": "x"}}) == StartOptions()
    assert request_from_json({"names": {"port": 1}, "defined": []}).names is None


def test_words_do_not_name_services_that_no_longer_exist() -> None:
    options = StartOptions(services=("web", "gone"), scale={"gone": 2, "web": 3})
    assert options.as_words({"web"}) == ["--scale=web=3", "web"]
    assert StartOptions().as_words({"web"}) == []


@pytest.mark.parametrize("text", ["no", "always", "on-failure", "on-failure:0", "on-failure:3"])
def test_a_restart_policy_survives_its_way_through_text(text: str) -> None:
    policy = restart_from(text)
    assert policy is not None
    assert restart_text(policy) == text


@pytest.mark.parametrize("text", ["", "never", "no:1", "always:", "on-failure:", "on-failure:x"])
def test_another_text_is_no_restart_policy(text: str) -> None:
    assert restart_from(text) is None


def test_a_stack_with_the_names_of_another_has_its_proxy_or_none() -> None:
    assert FULL.with_names(FULL.names).options.with_proxy
    assert not BARE.with_names(None).options.with_proxy
    assert FULL.with_names(None).names is None
