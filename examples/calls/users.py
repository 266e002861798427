"""A service that answers from a coroutine."""

import asyncio

from portweave import cluster
from portweave.cluster import Request

USERS = {7: "Ann", 8: "Bob"}


class UnknownUserError(Exception):
    status = 404


async def main() -> None:
    async with cluster.connect() as connection:

        @connection.param("id")
        def load(req: Request, value: str) -> int:
            return int(value)

        @connection.route("name/:id")
        def name(req: Request) -> str:
            user: int = req.params["id"]
            if user not in USERS:
                raise UnknownUserError(f"there is no user {user}")
            return USERS[user]

        await connection.serve()


if __name__ == "__main__":
    asyncio.run(main())
