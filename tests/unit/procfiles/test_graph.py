"""The dependency graph of services."""

import pytest

from portweave.errors import UsageError
from portweave.procfiles import graph
from portweave.procfiles.model import Definitions, Dependency, Origin, Service


def stack(**needs: str) -> Definitions:
    """Definitions with these services, each with the names of its dependencies."""
    services = [
        Service(
            name,
            Origin("/p/portweave.yaml"),
            depends_on=tuple(Dependency(other, "ready") for other in others.split()),
        )
        for name, others in needs.items()
    ]
    return Definitions(("/p/portweave.yaml",), tuple(services))


def names(services: tuple[Service, ...]) -> list[str]:
    return [service.name for service in services]


@pytest.mark.parametrize(
    ("needs", "order"),
    [
        pytest.param({"a": "", "b": ""}, "a b", id="file order"),
        pytest.param({"a": "b", "b": ""}, "b a", id="after its dependency"),
        pytest.param(
            {"a": "c b", "b": "", "c": ""}, "c b a", id="dependencies in the order of the key"
        ),
        pytest.param({"a": "b c", "b": "d", "c": "d", "d": ""}, "d b c a", id="diamond"),
    ],
)
def test_services_start_after_their_dependencies(needs: dict[str, str], order: str) -> None:
    assert names(graph.start_order(stack(**needs))) == order.split()


@pytest.mark.parametrize(
    ("needs", "cycle"),
    [
        pytest.param({"a": "b", "b": ""}, "", id="none"),
        pytest.param({"a": "b c", "b": "d", "c": "d", "d": ""}, "", id="diamond"),
        pytest.param({"a": "a"}, "a a", id="itself"),
        pytest.param({"a": "b", "b": "a"}, "a b a", id="two"),
        pytest.param(
            {"x": "a", "a": "b", "b": "c", "c": "a"}, "a b c a", id="a cycle below another service"
        ),
        pytest.param({"a": "nowhere"}, "", id="unknown names are ignored"),
    ],
)
def test_cycles_are_found(needs: dict[str, str], cycle: str) -> None:
    assert " ".join(graph.find_cycle(stack(**needs).services)) == cycle


def test_a_long_chain_of_dependencies_is_no_problem() -> None:
    count = 5000
    needs = {f"s{i}": f"s{i + 1}" if i + 1 < count else "" for i in range(count)}
    long = stack(**needs)
    assert graph.find_cycle(long.services) == ()
    assert names(graph.start_order(long))[0] == f"s{count - 1}"
    assert len(graph.needed(long, ["s0"])) == count


def test_a_name_includes_its_dependencies_in_file_order() -> None:
    definitions = stack(web="api", other="", api="db", db="")
    assert names(graph.needed(definitions, ["web"])) == ["web", "api", "db"]
    assert names(graph.needed(definitions, [])) == []


def test_an_unknown_name_is_an_error_with_the_nearest_name() -> None:
    with pytest.raises(UsageError, match='no service is named "ap"') as caught:
        graph.needed(stack(web="", api=""), ["ap"])
    assert caught.value.hints == ("did you mean api?",)


def test_every_output_format_has_every_edge() -> None:
    definitions = stack(**{"my-web": "api", "api": ""})
    assert graph.as_text(definitions) == "api\nmy-web <- api (ready)"
    assert "s1 -- ready --> s0" in graph.as_mermaid(definitions)
    assert '"api" -> "my-web" [label="ready"];' in graph.as_dot(definitions)
    assert graph.as_json(definitions)["edges"] == [
        {"from": "api", "to": "my-web", "condition": "ready"}
    ]


def shape(branches: tuple[graph.Branch, ...]) -> str:
    """Trees as text: `a(b c(d))`."""
    return " ".join(
        branch.service.name + (f"({shape(branch.below)})" if branch.below else "")
        for branch in branches
    )


@pytest.mark.parametrize(
    ("needs", "expected", "depth"),
    [
        pytest.param({"a": "", "b": ""}, "a b", 1, id="no dependencies"),
        pytest.param({"a": "b", "b": "c", "c": ""}, "c(b(a))", 3, id="a chain"),
        pytest.param({"a": "", "b": "a", "c": "a", "d": "b"}, "a(b(d) c)", 3, id="children"),
        pytest.param({"a": "b c", "b": "d", "c": "d", "d": ""}, "d(b c(a))", 3, id="a diamond"),
        pytest.param({"a": "", "b": "", "c": "b a"}, "a b(c)", 2, id="below the last to start"),
    ],
)
def test_each_service_stands_once_in_the_trees(
    needs: dict[str, str], expected: str, depth: int
) -> None:
    found = graph.trees(stack(**needs))
    assert shape(found) == expected
    assert max(branch.depth for branch in found) == depth


def test_a_long_chain_is_a_deep_tree() -> None:
    needs = {"s0": "", **{f"s{number}": f"s{number - 1}" for number in range(1, 3000)}}
    (root,) = graph.trees(stack(**needs))
    assert root.depth == 3000
