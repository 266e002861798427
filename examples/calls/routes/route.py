"""The default connection: it gets what is addressed to nobody else."""

from portweave.cluster import Connection


async def setup(connection: Connection) -> None:
    connection.route("ping", lambda req: "pong")
