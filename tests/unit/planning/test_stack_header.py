"""The header of `up` on a terminal."""

from portweave.encoding.marks import ASCII, UNICODE
from portweave.encoding.text_style import Span, plain
from portweave.encoding.value import replace
from portweave.planning.stack_header import header
from portweave.supervisor.services.plan import InstancePlan, StackPlan


def instance(name: str, port: int | None, url: str | None, hostname: str | None) -> InstancePlan:
    return InstancePlan(
        name, name, 1, f"{name}-main", (), "", "/", port=port, url=url, hostname=hostname
    )


WEB = instance("web", 30001, "http://web.shop.localhost:1355", "web.shop.localhost")
DB = instance("db", 30002, None, None)
WORKER = instance("worker", None, None, None)
LONG = instance(
    "checkout-service",
    30003,
    "http://checkout-service.fix-login.shop.localhost:1355",
    "checkout-service.fix-login.shop.localhost",
)
BARE = instance("bare", 30004, "http://127.0.0.1:30004", None)


def plan(*instances: InstancePlan, **fields: object) -> StackPlan:
    wanted = frozenset(one.name for one in instances)
    given: dict[str, object] = {"project": "shop", "namespace": "main", "root": "/code/shop"}
    return StackPlan(**{"instances": instances, "wanted": wanted} | given | fields)  # type: ignore[arg-type]  # pyright: ignore


def shown(of: StackPlan, columns: int = 80, *, reused: bool = False) -> list[str]:
    return [plain(line) for line in header(of, (), UNICODE, columns, reused=reused)]


def test_each_service_has_a_line_with_name_url_and_port() -> None:
    assert shown(plan(WEB, DB, WORKER, BARE)) == [
        "[portweave] shop · main · new ports",
        "  web     http://web.shop.localhost:1355  →  30001",
        "  db                                      →  30002",
        "  worker  -",
        "  bare    http://127.0.0.1:30004",
    ]


def test_a_hook_is_no_service() -> None:
    setup = replace(instance("setup", None, None, None), hook=True)
    assert shown(plan(setup, DB))[1:] == ["  db  →  30002"]


def test_without_names_there_are_ports_alone() -> None:
    assert shown(plan(DB))[1:] == ["  db  →  30002"]


def test_the_title_names_the_folder_of_a_linked_worktree() -> None:
    linked = plan(WEB, root="/code/fix-login", namespace="fix-login-0a1b2c3d")
    title, *_ = shown(linked, reused=True)
    assert title == "[portweave] shop · fix-login · fix-login-0a1b2c3d · its ports as before"


def test_a_line_that_fits_has_the_port() -> None:
    assert shown(plan(LONG), 120)[1].endswith("localhost:1355  →  30003")


def test_a_line_that_does_not_fit_leaves_out_the_port() -> None:
    assert shown(plan(LONG, WEB), 59)[1:] == [
        "  checkout-service  http://checkout-service.fix-login.shop.localhost:1355",
        "  web               http://web.shop.localhost:1355",
    ]


def test_warnings_and_services_that_do_not_start_come_last() -> None:
    notes = ("warning: port 5432 is in use", "the offset is left aside")
    some = plan(DB, warnings=notes, left_out=(("job", "profile tools"),))
    assert shown(some)[2:] == [*notes, "not started: job (profile tools)"]
    warning = header(some, (), UNICODE, 80, reused=False)[2]
    assert Span("warning:", "warning") in warning


def test_names_have_the_colours_of_the_definitions() -> None:
    some = plan(WEB, DB)
    lines = header(some, ("1", "2"), ASCII, 80, reused=False)
    names = [part for line in lines[1:] for part in line if isinstance(part, Span) and part.code]
    assert [(name.text.strip(), name.code) for name in names] == [("web", "1"), ("db", "2")]
