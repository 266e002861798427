"""The default connection: it gets calls without a connection's name."""

from portweave.cluster import Connection


async def setup(connection: Connection) -> None:
    connection.route("ping", lambda req: "pong")
