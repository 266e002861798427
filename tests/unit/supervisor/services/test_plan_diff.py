"""The difference between two plans of a running stack."""

from collections.abc import Mapping

import pytest

from portweave.encoding.value import replace
from portweave.supervisor.services.plan import (
    Condition,
    InstancePlan,
    Need,
    ReadyPlan,
    RestartPolicy,
    When,
)
from portweave.supervisor.services.plan_diff import (
    Change,
    compare,
)

WEB = InstancePlan(
    name="web",
    service="web",
    number=1,
    full_name="web-main",
    argv=("serve",),
    command="serve",
    working_dir="/code",
    environment={"PORT": "3000", "WEB_PORT": "3000", "API_PORT": "3001", "MODE": "dev"},
    port=3000,
    url="http://127.0.0.1:3000",
)
API = replace(WEB, name="api", service="api", full_name="api-main", port=3001)


def environment_with(**environment: str | None) -> dict[str, str]:
    """The environment with other values; None removes a variable."""
    changed = {**WEB.environment, **environment}
    return {name: text for name, text in changed.items() if text is not None}


# Changed fields of the new plan; keys that are updated at once; keys that need a restart.
DIFFERENCES: dict[str, tuple[Mapping[str, object], tuple[str, ...], tuple[str, ...]]] = {
    "nothing": ({}, (), ()),
    "the same command, written otherwise": ({"command": "exec serve"}, (), ()),
    "another name of the worktree": ({"full_name": "web-other"}, (), ()),
    "another route": ({"url": "http://shop.localhost"}, (), ()),
    "the command": ({"argv": ("serve", "-v"), "command": "serve -v"}, (), ("command",)),
    "the folder": ({"working_dir": "/"}, (), ("workingDir",)),
    "the port": ({"port": 3005}, (), ("port",)),
    "the probes": ({"ready": ReadyPlan(tcp=1)}, (), ("ready",)),
    "the policy": ({"restart": RestartPolicy(When.NO, None)}, ("restart",), ()),
    "the signal": ({"stop_signal": 2}, ("stopSignal",), ()),
    "the grace": ({"stop_grace_s": 1.0}, ("stopGracePeriod",), ()),
    "a need": ({"needs": (Need("db", Condition.READY),)}, ("dependsOn",), ()),
    "two rules": ({"stop_signal": 2, "stop_grace_s": 1.0}, ("stopGracePeriod", "stopSignal"), ()),
    "a rule and the command": (
        {"stop_signal": 2, "argv": ("other",)},
        (),
        ("command", "stopSignal"),
    ),
    "a variable": ({"environment": environment_with(MODE="test")}, (), ("environment (MODE)",)),
    "a new variable": ({"environment": environment_with(NEW="1")}, (), ("environment (NEW)",)),
    "a variable less": ({"environment": environment_with(MODE=None)}, (), ("environment (MODE)",)),
    "many variables": (
        {"environment": environment_with(**{f"V{number}": "x" for number in range(6)})},
        (),
        ("environment (V0, V1, V2, V3 and 2 more)",),
    ),
}


@pytest.mark.parametrize(
    ("differing", "updated", "restarted"), DIFFERENCES.values(), ids=DIFFERENCES
)
def test_each_changed_key_updates_or_restarts_an_instance(
    differing: Mapping[str, object], updated: tuple[str, ...], restarted: tuple[str, ...]
) -> None:
    change = compare({"web": WEB, "api": API}, [replace(WEB, **differing), API])
    assert change == Change(
        unchanged=("api",) if updated or restarted else ("web", "api"),
        updated={"web": updated} if updated else {},
        restarted={"web": restarted} if restarted else {},
        added=(),
        removed=(),
    )


def test_added_and_removed_instances_are_listed() -> None:
    new = replace(WEB, name="new", service="new", port=None)
    change = compare({"web": WEB, "api": API}, [new, WEB])
    assert change.as_json() == {
        "unchanged": ["web"],
        "updated": {},
        "restarted": {},
        "added": ["new"],
        "removed": ["api"],
    }


def test_the_port_of_an_added_or_removed_service_restarts_no_other() -> None:
    web = replace(WEB, environment=environment_with(API_PORT=None))
    gone = compare({"web": WEB, "api": API}, [web])
    assert (gone.updated, gone.restarted) == ({"web": ("environment (API_PORT)",)}, {})
    come = compare({"web": web}, [WEB, API])
    assert (come.updated, come.restarted) == ({"web": ("environment (API_PORT)",)}, {})
    # A new port of a service that stays does restart others.
    moved = compare(
        {"web": WEB, "api": API}, [replace(WEB, environment=environment_with(API_PORT="9")), API]
    )
    assert moved.restarted == {"web": ("environment (API_PORT)",)}
    both = compare(
        {"web": WEB, "api": API}, [replace(web, environment=environment_with(API_PORT=None, A="b"))]
    )
    assert both.restarted == {"web": ("environment (A, API_PORT)",)}


def test_two_empty_stacks_do_not_differ() -> None:
    assert compare({}, []) == Change((), {}, {}, (), ())
