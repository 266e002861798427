"""The example of calls over a bus: two stacks, and a program that is on the bus by itself."""

import asyncio
import json
import shutil
import subprocess
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from nats.aio.client import Client
from nats.aio.msg import Msg

from tests.support.nats_servers import NatsServer
from tests.support.repository import EXAMPLES

if TYPE_CHECKING:
    from tests.support.detached_stacks import Detached

PRICES = "portweave.1.world.market.main.prices"


def test_two_stacks_and_a_program_without_portweave_call_each_other(
    detached_at: "Callable[[Path], Detached]",
    tmp_path: Path,
    eventually: Callable[[Callable[[], object]], None],
) -> None:
    server = NatsServer(tmp_path)

    def stack(name: str) -> "Detached":
        root = tmp_path / name
        shutil.copytree(EXAMPLES / "calls" / "bus" / name, root)
        path = root / "portweave.yaml"
        path.write_text(path.read_text().replace("nats://127.0.0.1:4222", server.url))
        return detached_at(root)

    async def scene(people: "Detached", shop: "Detached") -> None:
        # As prices.js, which needs a package of npm.
        async def price(call: Msg) -> None:
            assert json.loads(call.data) == ["tea"]
            await call.respond(b"[250]")

        market = Client()
        await market.connect(server.url)
        await market.subscribe(PRICES, cb=price)  # pyright: ignore[reportUnknownMemberType]
        await market.flush()
        await asyncio.to_thread(people.up)
        await asyncio.to_thread(shop.up, "shop")
        for one in (people, shop):
            await asyncio.to_thread(eventually, partial(is_connected, one))
        found = await asyncio.to_thread(shop, "ask", "shop/order/7/tea")
        assert json.loads(found.stdout) == {"for": "Ann", "item": "tea", "cents": 250}
        await market.close()

    def is_connected(one: "Detached") -> bool:
        found: dict[str, dict[str, object]] = json.loads(one("ps", "--json").stdout)
        return bool(found["bus"]["connected"])

    with server.running():
        asyncio.run(scene(stack("people"), stack("shop")))


def test_the_program_in_node_can_be_read(need: Callable[..., None]) -> None:
    need("node")
    path = EXAMPLES / "calls" / "bus" / "shop" / "prices.js"
    node = shutil.which("node") or "node"
    subprocess.run([node, "--check", str(path)], check=True, timeout=20)
