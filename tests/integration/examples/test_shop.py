"""examples/shop with its real servers, in two worktrees at once."""

import fcntl
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.support.running_stacks import Stack, StartUp

pytestmark = pytest.mark.timeout(150)


@pytest.fixture
def installed(request: pytest.FixtureRequest, environ: dict[str, str]) -> Callable[[Path], None]:
    """Give a shop its Python packages, installed once for all runs of this test."""
    # How to reach an index of packages is the machine's affair.
    env = {**environ, **{k: v for k, v in os.environ.items() if k.startswith("PIP_")}}
    folder = request.config.cache.mkdir("example-shop")

    def install(shop: Path) -> None:
        with (folder / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            script = shop / "backend/install.py"
            subprocess.run([sys.executable, script, folder / "venv"], env=env, check=True)
        (shop / "backend/.venv").symlink_to(folder / "venv")

    return install


@pytest.fixture
def cleaned() -> Iterator[list[Path]]:
    """Remove the data of shops when the test ends."""
    shops: list[Path] = []
    yield shops
    for shop in shops:
        clean(shop)


def clean(shop: Path) -> None:
    subprocess.run([sys.executable, str(shop / "database/postgres.py"), "clean"], check=True)


def order(stack: "Stack", product: int) -> None:
    # As a browser sends the form.
    status, _ = stack.ask("WEB_PORT", "/orders", f"product={product}")
    assert status == 303, stack


def orders(stack: "Stack") -> list[tuple[str, str]]:
    """What the page says of each order, first one first: (product, status)."""
    status, page = stack.ask("WEB_PORT", "/")
    assert status == 200
    assert f"<h1>{stack.root.name}</h1>" in page
    found = re.findall(r'<li class="(\w+)" data-order="\d+"><span>#\d+ (\w+)</span>', page)
    return [(product, status) for status, product in reversed(found)]


def stock(stack: "Stack") -> list[int]:
    return [int(left) for left in re.findall(r">(\d+) left<", stack.ask("WEB_PORT", "/")[1])]


@pytest.mark.slow
def test_two_worktrees_sell_and_ship_apart_and_leave_nothing_behind(
    example: Callable[..., list[Path]],
    up: "StartUp",
    need: Callable[..., None],
    eventually: Callable[..., None],
    installed: Callable[[Path], None],
    cleaned: list[Path],
) -> None:
    need("initdb", "/usr/lib/postgresql/*/bin/initdb")
    need("redis-server")
    need("node")
    roots = example("shop", "sale")
    for root in roots:
        installed(root)
        cleaned.append(root)

    stacks = [up(root) for root in roots]
    for stack in stacks:
        stack.wait_for("all ready in", timeout_s=60)
    shop, sale = stacks
    order(shop, 1)
    order(shop, 3)
    order(sale, 2)
    eventually(lambda: orders(shop) == [("Loom", "shipped"), ("Yarn", "shipped")])
    eventually(lambda: orders(sale) == [("Shuttle", "shipped")])
    assert stock(shop) == [4, 20, 299]
    assert stock(sale) == [5, 19, 300]
    assert shop.port("POSTGRES_PORT") != sale.port("POSTGRES_PORT")

    # PostgreSQL refuses root; where that is who runs the tests, it has become somebody else.
    servers = [process for process in shop.family() if process.name() == "postgres"]
    assert servers
    assert all(process.uids().effective != 0 for process in servers)

    for stack in stacks:
        assert stack.stop() == 130, stack
        assert "database system is shut down" in stack.printed
        # Nobody has lost a server that it still used.
        for server in ("postgres", "redis"):
            at = stack.said.index(f"{server} stopped")
            assert max(stack.said.index(f"{user} stopped") for user in ("api", "worker")) < at, (
                stack
            )
        assert "Traceback" not in stack.printed
    mentioned = re.findall(r"the cluster is (\S+)", shop.printed + sale.printed)
    assert len(set(mentioned)) == 2

    # What was sold is still sold.
    again = up(roots[0])
    again.wait_for("all ready in", timeout_s=60)
    assert orders(again) == [("Loom", "shipped"), ("Yarn", "shipped")]
    assert again.stop() == 130
    for root in roots:
        clean(root)
    assert not any(Path(cluster).parent.exists() for cluster in mentioned)
