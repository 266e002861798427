"""A service that calls another stack, and a program that is on the bus by itself."""

import asyncio

from portweave import cluster
from portweave.cluster import Request


async def main() -> None:
    async with cluster.connect() as connection:

        @connection.route("order/:user/:item")
        async def order(req: Request) -> dict[str, object]:
            name, cents = await asyncio.gather(
                connection.request(f"@people:main/users/name/{req.params['user']}"),
                connection.request("@world:market:main/prices/of", req.params["item"]),
            )
            return {"for": name, "item": req.params["item"], "cents": cents}

        await connection.serve()


if __name__ == "__main__":
    asyncio.run(main())
