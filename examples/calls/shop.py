"""A service that calls two others to answer; one of them is not Python."""

import asyncio

from portweave import cluster
from portweave.cluster import RemoteError, Reply, Request


async def main() -> None:
    async with cluster.connect() as connection:

        @connection.route("order/:user/:item")
        async def order(req: Request) -> dict[str, object] | Reply:
            try:
                name, price = await asyncio.gather(
                    connection.request(f"users/name/{req.params['user']}", timeout=5),
                    connection.request("prices/of", req.params["item"], timeout=5),
                )
            except RemoteError as error:
                return Reply.error(error, status=error.status)
            return {"for": name, "item": req.params["item"], "cents": price}

        await connection.serve()


if __name__ == "__main__":
    asyncio.run(main())
