"""The file's name is the connection's name."""

from portweave.cluster import Connection, Next, Reply, Request, Router


def setup(connection: Connection) -> None:
    @connection.route("path/to/:id")
    async def read(req: Request) -> Reply:
        name = await connection.request("/users/name", req.params["id"], timeout=2)
        return Reply("pon", name)

    @connection.route("admin")
    async def guard(req: Request, next: Next) -> object:
        if not req.load:
            raise PermissionError("no token")
        return await next()

    @connection.route("admin/door")
    def door(req: Request) -> str:
        return "open"

    @connection.error(PermissionError)
    def denied(err: PermissionError, req: Request) -> Reply:
        return Reply.error(err, status=403)

    @connection.param("id")
    def load_id(req: Request, value: str) -> int:
        return int(value)

    things = Router(case_sensitive=False, merge_params=True)

    @things.route("thing", exact=True)
    def thing(req: Request) -> dict[str, object]:
        return {"greeting": connection.get("greeting"), "kind": req.params["kind"]}

    connection.mount("things/:kind", things)
