"""The requests that one stack is planned from."""

import json

import pytest

from portweave.encoding.json_text import compact
from portweave.encoding.value import replace
from portweave.planning.definition_set import (
    DefinitionSet,
    definitions_from_json,
    request_like,
    request_of_file,
    united,
    without,
)
from portweave.planning.stack_request import StackNames, StackRequest
from portweave.supervisor.services.plan import (
    InstancePlan,
    StackPlan,
)

NAMES = StackNames("shop", "shop.localhost", 1355)


def request_with(*files: str) -> StackRequest:
    return StackRequest({}, "/w", names=NAMES, files=files, defined=("web",))


def plan_with(*services: str, warnings: tuple[str, ...] = ()) -> StackPlan:
    instances = [
        InstancePlan(name, name.partition(".")[0], 1, f"{name}-main", ("run",), "run", "/")
        for name in services
    ]
    return StackPlan("shop", "main", "/w", tuple(instances), frozenset(services), warnings=warnings)


@pytest.mark.parametrize(
    "definitions",
    [
        DefinitionSet((request_with("/w/a.yaml"),), changes=3),
        DefinitionSet((request_with("/w/a.yaml"), request_with("/w/b.yaml"), request_with())),
        DefinitionSet((), by_program=True, changes=0),
        DefinitionSet((request_with("/w/a.yaml"),), by_program=True, changes=1),
    ],
)
def test_a_set_survives_its_way_through_json(definitions: DefinitionSet) -> None:
    assert definitions_from_json(json.loads(compact(definitions.as_json()))) == definitions


def test_the_first_request_holds_the_others_as_json() -> None:
    first, second = request_with("/w/a.yaml"), request_with("/w/b.yaml")
    whole = DefinitionSet((first, second), changes=2).as_json()
    assert whole == {**first.as_json(), "changes": 2, "others": [second.as_json()]}


def test_all_requests_have_the_names_of_the_first() -> None:
    assert DefinitionSet((request_with(), replace(request_with(), names=None))).names == NAMES
    assert DefinitionSet((request_with(),), by_program=True).names is None


@pytest.mark.parametrize(
    ("files", "found"),
    [
        (["/w/b.yaml"], 1),
        # A file may have been added or deleted since.
        (["/w/b.yaml", "/w/Procfile"], 1),
        (["/w/c.yaml"], None),
        # A number of ports, without any file.
        ([], 2),
    ],
)
def test_requests_with_a_file_in_common_are_alike(files: list[str], found: int | None) -> None:
    requests = [request_with("/w/a.yaml"), request_with("/w/b.yaml"), request_with()]
    like = request_like(requests, request_with(*files))
    assert like is (None if found is None else requests[found])


def test_a_request_is_found_by_the_path_of_its_file() -> None:
    requests = [request_with("/w/a/p.yaml"), request_with("/w/b/p.yaml")]
    assert request_of_file(requests, "/w/b/p.yaml") is requests[1]
    assert request_of_file(requests, "/w/p.yaml") is None


def test_all_instances_of_a_service_are_left_out() -> None:
    left = without(plan_with("web", "web.2", "api"), ["web"])
    assert [instance.name for instance in left.instances] == ["api"]
    assert left.wanted == {"api"}


def test_a_service_is_planned_as_in_the_first_set_that_has_it() -> None:
    first, second = plan_with("web", warnings=("a",)), plan_with("web", "api", warnings=("a", "b"))
    plan = united([first, second])
    assert [instance.name for instance in plan.instances] == ["web", "api"]
    assert plan.instances[0] is first.instances[0]
    assert plan.wanted == {"web", "api"}
    assert plan.warnings == ("a", "b")
