import pytest

from portweave.top.sort_orders import ORDERS, sorted_stacks
from portweave.top.stack_rows import Service, Stack

A = Stack(
    "a",
    "adler",
    "main",
    "/a",
    (
        Service("a", "web.10", "ready", port=3002, percent=1.0, rss_bytes=10),
        Service("a", "web.9", "starting", port=3001, percent=9.0, rss_bytes=5, restarts=2),
    ),
)
B = Stack(
    "b",
    "blog",
    "fix",
    "/b",
    (
        Service("b", "db", "stopped"),
        Service("b", "api", "unhealthy", port=2000, percent=2.0, rss_bytes=90),
        Service("b", "job", "failed", restarts=1),
    ),
)
C = Stack("c", "Blog", "main", "/c", problem="silent")
D = Stack("d", "aaa", "main", "/d", is_running=False)


@pytest.mark.parametrize(
    ("order", "expected"),
    [
        ("trouble", "c b:job,api,db a:web.9,web.10 d"),
        ("name", "a:web.9,web.10 c b:api,db,job d"),
        ("state", "b:job,api,db a:web.9,web.10 c d"),
        ("cpu", "a:web.9,web.10 b:api,db,job c d"),
        ("memory", "b:api,db,job a:web.10,web.9 c d"),
        ("port", "b:api,db,job a:web.9,web.10 c d"),
        ("restarts", "a:web.9,web.10 b:job,api,db c d"),
    ],
)
def test_each_order_sorts_stacks_and_services(order: str, expected: str) -> None:
    found = sorted_stacks([D, A, B, C], order)
    shown = " ".join(
        s.id + (":" + ",".join(one.name for one in s.services) if s.services else "") for s in found
    )
    assert shown == expected


def test_all_orders_are_tried_above() -> None:
    assert ORDERS == ("trouble", "name", "state", "cpu", "memory", "port", "restarts")
