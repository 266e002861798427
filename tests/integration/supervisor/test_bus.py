"""Stacks that call each other over a bus."""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from tests.support.nats_servers import NatsServer

if TYPE_CHECKING:
    from tests.support.detached_stacks import Detached

SERVICE = """
import asyncio
from portweave import cluster

async def main():
    async with cluster.connect() as connection:
        connection.route("who", lambda req: [connection.name, req.asker, req.load])
        @connection.route("far")
        async def far(req):
            return await connection.request(*req.load)
        await connection.serve()

asyncio.run(main())
"""


def definition(folder: Path, project: str, url: str) -> Path:
    folder.mkdir()
    (folder / "service.py").write_text(SERVICE)
    (folder / "portweave.yaml").write_text(
        f"""
projectName: {project}
calls: {{bus: "{url}"}}
services:
  users: {{command: [{sys.executable}, service.py], port: false, exported: true}}
  hidden: {{command: [{sys.executable}, service.py], port: false}}
"""
    )
    return folder


def test_two_stacks_call_each_other_over_a_bus_that_comes_later(
    detached_at: "Callable[[Path], Detached]",
    tmp_path: Path,
    eventually: Callable[[Callable[[], object]], None],
) -> None:
    server = NatsServer(tmp_path)
    shop = detached_at(definition(tmp_path / "shop", "shop", server.url))
    bank = detached_at(definition(tmp_path / "bank", "bank", server.url))
    shop.up()
    bank.up()
    eventually(lambda: "(PW1215)" in shop("ps").stderr)
    assert f"no bus answers at {server.url}: connection refused" in shop("ps").stderr
    assert "(PW1215)" in shop("why", "users").stdout
    [finding] = [
        one
        for one in json.loads(shop("doctor", "--json", status=None).stdout)["findings"]
        if one["code"] == "PW1215" and "shop/main" in one["message"]
    ]
    assert finding["severity"] == "warning"
    with server.running():
        eventually(lambda: json.loads(shop("ps", "--json").stdout)["bus"]["connected"])
        eventually(lambda: json.loads(bank("ps", "--json").stdout)["bus"]["connected"])
        bus = json.loads(shop("ps", "--json").stdout)["bus"]
        assert bus["exported"] == ["users", "users.1"]
        assert bus["problem"] is None
        found = shop("ask", "users/far", "@bank:main/users/who", "7")
        name, asker, load = json.loads(found.stdout)
        assert (name, load) == ("users", [7])
        assert asker == f"{bus['address']}/users"
        assert shop("ask", "@bank:main/hidden/who", status=68).stdout == ""
        assert shop("ask", "@bank:main/supervisor/ps", status=68).stdout == ""
        # Another definition exports another service, without a restart.
        path = bank.root / "portweave.yaml"
        text = path.read_text().replace(", exported: true", "")
        path.write_text(text.replace("hidden: {", "hidden: {exported: true, "))
        bank("reload")
        eventually(lambda: shop("ask", "@bank:main/users/who", status=None).returncode == 68)
        eventually(lambda: shop("ask", "@bank:main/hidden/who", status=None).returncode == 0)
