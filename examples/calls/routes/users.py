from portweave.cluster import Connection, Request


def setup(connection: Connection) -> None:
    connection.route("name", lambda req: f"user {req.load[0]}")

    @connection.route("who")
    def who(req: Request) -> str:
        return f"{req.asker} asks {connection.key}"
