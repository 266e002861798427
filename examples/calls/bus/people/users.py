"""A service that other stacks call."""

import asyncio

from portweave import cluster
from portweave.cluster import Request

USERS = {"7": "Ann", "8": "Bob"}


async def main() -> None:
    async with cluster.connect() as connection:

        @connection.route("name/:id")
        def name(req: Request) -> str:
            return USERS[req.params["id"]]

        await connection.serve()


if __name__ == "__main__":
    asyncio.run(main())
