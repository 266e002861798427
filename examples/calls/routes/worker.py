"""`count` processes that only call others."""

from portweave.cluster import ClusterError, Connection


async def run(connection: Connection) -> None:
    print(await connection.request("ping"))
    print(await connection.request_many("/api/path/to/7", "any"))
    print(await connection.request("things/blue/THING", to="api"))
    print(await connection.request("api/admin/door", "token"))
    try:
        await connection.request("api/admin/door")
    except ClusterError as error:
        print(error.status, error.type, error.message)
    print(await connection.request("users/who"))
    await connection.closed()
