import pytest

from portweave.errors import DriftError
from portweave.panel.npm_snapshot import (
    Facts,
    Service,
    Worktree,
    bare_services,
    is_address,
    quoted,
    services_of,
    snapshot,
)
from portweave.panel.pull_requests import PullRequest
from portweave.procfiles.model import Definitions, Origin
from portweave.procfiles.model import Service as Defined

ORIGIN = Origin("")


def found(*defined: Defined, ports: dict[str, int] | None = None) -> dict[str, list[str]]:
    given = (
        {service.name: 3000 + i for i, service in enumerate(defined)} if ports is None else ports
    )
    services = services_of(
        Definitions((), defined), given, namespace="main", git_common_dir=None, root="/r"
    )
    return {
        service.name: [f"{link.env_var} {link.url}" for link in service.links]
        for service in services
    }


def defined(name: str, **variables: str) -> Defined:
    return Defined(name, ORIGIN, env_var=name.upper(), discovery_env=tuple(variables.items()))


def test_a_link_belongs_to_the_service_in_its_template() -> None:
    assert found(
        defined("web", API="http://h:${api}/", OWN="http://h/", BOTH="http://${web}.${api}/"),
        defined("api", SOCKET="ws://h:${api}/${namespace}"),
    ) == {
        "web": ["OWN http://h/"],
        "api": ["API http://h:3001/", "SOCKET ws://h:3001/main"],
    }


def test_a_service_without_a_page_links_to_its_port() -> None:
    assert found(defined("web", W="ws://h:${web}/"), defined("db", URL="postgres://h:${db}")) == {
        "web": ["W ws://h:3000/", " http://localhost:3000"],
        "db": [" http://localhost:3001"],
    }


def test_an_address_is_listed_once() -> None:
    assert found(defined("web", A="http://h/", B="http://h/")) == {"web": ["A http://h/"]}


def test_a_service_without_a_port_is_left_out_and_a_missing_port_is_an_error() -> None:
    assert found(Defined("job", ORIGIN), ports={}) == {}
    with pytest.raises(DriftError):
        found(defined("web"), ports={})


@pytest.mark.parametrize("text", ["http://h", "https://h:1/x", "ws://h", "wss://h", "HTTP://h"])
def test_addresses(text: str) -> None:
    assert is_address(text)


@pytest.mark.parametrize(
    "text", ["", "h", "http://", "http:///x", "ftp://h", "http://h:x", "http://h:65536", "http://["]
)
def test_no_addresses(text: str) -> None:
    assert not is_address(text)


def test_a_text_is_quoted_as_one_word_of_a_shell() -> None:
    assert quoted("/a b/it's") == "'/a b/it'\\''s'"


@pytest.mark.parametrize(
    ("facts", "is_safe"),
    [
        (Facts(clean=True, pull_request=PullRequest(1, "merged", "")), True),
        (Facts(clean=True, pull_request=PullRequest(1, "closed", "")), True),
        (Facts(clean=True, pull_request=PullRequest(1, "open", "")), False),
        (Facts(clean=False, pull_request=PullRequest(1, "merged", "")), False),
        (Facts(clean=None, pull_request=PullRequest(1, "merged", "")), False),
        (Facts(clean=True), False),
        (Facts(clean=True, pull_request=PullRequest(1, "merged", ""), is_main=True), False),
    ],
)
def test_a_worktree_is_safe_to_prune_when_all_is_kept_elsewhere(
    facts: Facts, is_safe: bool
) -> None:
    assert facts.is_safe_to_prune is is_safe


def worktree(
    common_dir: str | None, namespace: str, port: int, used: str = "", name: str | None = None
) -> Worktree:
    services = (Service("web", "", port, ()),)
    return Worktree(common_dir, namespace, f"/{namespace}", used, name, services, None)


def shape(*worktrees: Worktree, live: frozenset[int] = frozenset()) -> list[tuple[str, list[str]]]:
    whole = snapshot(worktrees, live, generated_at="", launch_supported=False, pull_requests=False)
    projects: list[dict[str, object]] = whole["projects"]  # type: ignore[assignment]
    return [
        (str(p["label"]), [w["namespace"] for w in p["worktrees"]])  # type: ignore[attr-defined]
        for p in projects
    ]


def test_live_worktrees_come_first_then_recently_used_ones() -> None:
    assert shape(
        worktree("/p/.git", "b", 1, "2026-01-01"),
        worktree("/p/.git", "a", 2, "2026-01-01"),
        worktree("/p/.git", "c", 3, "2026-01-02"),
        worktree("/p/.git", "live", 4, "2025-01-01"),
        live=frozenset({4}),
    ) == [("p", ["live", "c", "a", "b"])]


def test_the_main_worktree_names_the_project() -> None:
    assert shape(
        worktree("/x/.git", "other", 1, "2026", "Other"), worktree("/x/.git", "main", 2, "", "Main")
    ) == [("Main", ["other", "main"])]
    assert shape(worktree("/x/.git", "other", 1, name="Other")) == [("Other", ["other"])]
    assert shape(worktree("/x/bare.git", "a", 1)) == [("bare.git", ["a"])]


def test_projects_are_sorted_by_name_whatever_the_case() -> None:
    names = [
        label
        for label, _ in shape(
            worktree("/3/.git", "a", 1, name="beta"),
            worktree("/2/.git", "a", 2, name="Alpha"),
            worktree("/1/.git", "a", 3, name="alpha"),
            worktree(None, "main", 4),
        )
    ]
    assert names == ["(no repo)", "alpha", "Alpha", "beta"]


def test_services_are_sorted_by_name_where_only_ports_are_known() -> None:
    assert [s.name for s in bare_services({"web.2": 3, "api": 2, "web": 1})] == [
        "api",
        "web",
        "web.2",
    ]
