"""What a stack of several definition files is of."""

import pytest

from portweave.planning.definition_set import (
    part_at,
    part_like,
    parts_of,
    services_of,
    whole_of,
    without,
)
from portweave.supervisor.services.plan import (
    InstancePlan,
    StackPlan,
)


def origin(*files: str, **more: object) -> dict[str, object]:
    return {"defined": {"files": list(files), "services": ["web"]}, **more}


@pytest.mark.parametrize(
    "whole",
    [
        origin("/w/a.yaml", names={"port": 1355}),
        origin("/w/a.yaml", others=[origin("/w/b.yaml"), origin("/w/c.yaml")]),
        {},
    ],
)
def test_what_is_taken_apart_is_put_together_again(whole: dict[str, object]) -> None:
    assert whole_of(parts_of(whole)) == whole


@pytest.mark.parametrize(
    ("files", "found"),
    [
        (["/w/b.yaml"], 1),
        # One of them may have come, or gone, since.
        (["/w/b.yaml", "/w/Procfile"], 1),
        (["/w/c.yaml"], None),
        # As many ports as were asked for, without any file.
        ([], 2),
    ],
)
def test_a_part_is_known_by_its_files(files: list[str], found: int | None) -> None:
    parts = [origin("/w/a.yaml"), origin("/w/b.yaml"), origin()]
    assert part_like(parts, origin(*files)) is (None if found is None else parts[found])


def test_a_part_is_found_by_the_file_that_is_named() -> None:
    parts = [origin("/w/a/p.yaml"), origin("/w/b/p.yaml")]
    assert part_at(parts, "/w/a", "../b/p.yaml") is parts[1]
    assert part_at(parts, "/w/a", "/w/a/p.yaml") is parts[0]
    assert part_at(parts, "/w", "p.yaml") is None


def test_what_nobody_has_planned_yet_has_no_services() -> None:
    assert services_of({}) == []
    assert services_of(origin("/w/a.yaml")) == ["web"]


def test_all_instances_of_a_service_are_left_out() -> None:
    def plan(name: str, service: str, number: int) -> InstancePlan:
        return InstancePlan(name, service, number, f"{name}-main", ("run",), "run", "/")

    instances = (plan("web", "web", 1), plan("web.2", "web", 2), plan("api", "api", 1))
    left = without(StackPlan("shop", "main", "/w", instances, frozenset({"web", "api"})), ["web"])
    assert [instance.name for instance in left.instances] == ["api"]
    assert left.wanted == {"api"}
