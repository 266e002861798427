"""Chains, routers, parameters and error handlers: requests and their answers."""

import asyncio
from collections.abc import Awaitable
from typing import Any

import pytest

from portweave.calls.request import Reply, Request, as_failure
from portweave.calls.router import Router
from portweave.calls.walk import Next
from portweave.errors import BadPath, ClusterError, PeerDied, RouteNotFound


def ask(router: Router, path: str, *load: object) -> Any:
    return asyncio.run(router.handle(Request(path, list(load))))


def test_plain_and_async_functions_answer_with_what_they_return() -> None:
    router = Router()
    router.route("plain", lambda req: req.load[0])

    @router.route("async")
    async def answer(req: Request) -> object:
        await asyncio.sleep(0)
        return req.load[0]

    assert ask(router, "plain", 1) == 1
    assert ask(router, "async", 2) == 2


def test_the_route_declared_first_wins() -> None:
    router = Router()
    router.route(":any", lambda req: "any")
    router.route("one", lambda req: "one")
    assert ask(router, "one") == "any"


def test_a_missing_route_is_not_found() -> None:
    with pytest.raises(RouteNotFound) as caught:
        ask(Router(), "x")
    assert (caught.value.status, caught.value.code) == (404, "PW1202")


def test_a_path_that_cannot_be_decoded_is_bad() -> None:
    with pytest.raises(BadPath):
        ask(Router(), "%zz")


def test_a_handler_sees_its_part_of_the_path() -> None:
    router = Router()
    seen: list[tuple[str, str, str]] = []

    @router.route("a")
    async def first(req: Request, next: Next) -> object:
        seen.append((req.path, req.base_path, req.original_path))
        answer = await next()
        seen.append((req.path, req.base_path, req.original_path))
        return answer

    @router.route("a/:b")
    def second(req: Request) -> None:
        seen.append((req.path, req.base_path, req.original_path))

    ask(router, "a/b/c/")
    assert seen == [
        ("/b/c/", "a", "a/b/c/"),
        ("/c/", "a/b", "a/b/c/"),
        ("/b/c/", "a", "a/b/c/"),
    ]


def test_next_runs_the_rest_and_returns_its_answer() -> None:
    router = Router()

    async def add(req: Request, next: Next) -> int:
        answer: int = await next()
        return answer + 1

    def pass_on(req: Request, next: Next) -> Awaitable[object]:
        return next("route")

    router.route("x", [add, [add, pass_on]])
    router.route("x", lambda req: 40)
    assert ask(router, "x") == 42


def test_attributes_that_a_handler_adds_are_seen_by_later_ones() -> None:
    router = Router()

    def who(req: Request, next: Next) -> Awaitable[object]:
        req.user = "ann"
        return next()

    router.route("x", who, lambda req: req.user)
    assert ask(router, "x") == "ann"
    with pytest.raises(AttributeError):
        _ = Request("x", []).user


def test_a_second_next_raises_in_that_handler() -> None:
    router = Router()

    @router.route("x")
    async def twice(req: Request, next: Next) -> object:
        await next()
        return await next()

    router.route("x", lambda req: 1)
    with pytest.raises(RuntimeError, match="twice"):
        ask(router, "x")


def test_a_handler_may_find_that_no_handler_is_left() -> None:
    router = Router()

    @router.route("x")
    async def handler(req: Request, next: Next) -> str:
        try:
            return str(await next())
        except RouteNotFound:
            return "nobody"

    assert ask(router, "x") == "nobody"


def test_send_answers_once_and_later_handlers_still_run() -> None:
    router = Router()
    sent: list[tuple[object, ...]] = []
    ran: list[str] = []

    @router.route("x")
    async def first(req: Request, next: Next) -> object:
        req.send("early", 1)
        req.send("late")
        return await next()

    @router.route("x")
    def second(req: Request) -> str:
        ran.append("second")
        return "later still"

    req = Request("x", [], send=lambda _, reply: sent.append(reply.values))
    asyncio.run(router.handle(req))
    assert (sent, ran, req.answered) == ([("early", 1)], ["second"], True)


def test_a_handler_with_a_default_of_its_own_is_not_given_next() -> None:
    router = Router()

    @router.route("x")
    def handler(req: Request, times: int = 3) -> int:
        return times

    @router.route("y")
    def with_next(req: Request, next: Next | None = None) -> bool:
        return next is not None

    @router.route("z")
    def with_all(*given: object) -> int:
        return len(given)

    assert (ask(router, "x"), ask(router, "y"), ask(router, "z")) == (3, True, 2)


NO_FUNCTIONS: list[tuple[str, tuple[object, ...]]] = [
    ("route", ("x", 7)),
    ("route", ("x", [])),
    ("error", (ValueError, 7)),
    ("param", ("x", 7)),
]


@pytest.mark.parametrize(("declare", "given"), NO_FUNCTIONS)
def test_a_handler_that_is_not_a_function_is_refused(
    declare: str, given: tuple[object, ...]
) -> None:
    with pytest.raises(TypeError, match="handler"):
        getattr(Router(), declare)(*given)


def test_the_path_may_be_left_out() -> None:
    def answer(req: Request) -> str:
        return "any"

    direct, listed, decorated = Router(), Router(), Router()
    direct.route(answer)
    listed.route([answer])
    decorated.route()(answer)
    for router in (direct, listed, decorated):
        assert ask(router, "what/ever") == "any"


def test_a_list_of_paths_is_one_route() -> None:
    router = Router()
    router.route(["a/:n", "b"], lambda req: dict(req.params))
    assert (ask(router, "a/1"), ask(router, "b")) == ({"n": "1"}, {})


# Errors.


class RefusedError(Exception):
    status = 403


def test_errors_go_to_later_handlers_only() -> None:
    router = Router()
    router.error(Exception, lambda err, req: "before")

    @router.route("x")
    def handler(req: Request) -> None:
        raise RefusedError("no")

    router.route("x", lambda req: "an ordinary one")
    router.error(KeyError, lambda err, req: "another kind")
    router.error(RefusedError, lambda err, req: f"caught {err}")
    assert ask(router, "x") == "caught no"


def test_an_unhandled_error_is_raised() -> None:
    router = Router()
    router.error(Exception, lambda err, req: "before")

    @router.route("x")
    async def around(req: Request, next: Next) -> object:
        return await next()

    @router.route("x")
    def handler(req: Request) -> None:
        raise RefusedError("no")

    with pytest.raises(RefusedError):
        ask(router, "x")


def test_an_error_handler_may_pass_on_resume_or_raise() -> None:
    router = Router()

    @router.route("x")
    async def fail(req: Request, next: Next) -> object:
        return await next(ValueError(req.load[0]))

    @router.error(ValueError)
    async def first(err: ValueError, req: Request, next: Next) -> object:
        match str(err):
            case "resume":
                return await next()
            case "raise":
                raise KeyError("other")
            case _:
                return await next(err)

    router.route("x", lambda req: "resumed")
    router.error(KeyError, lambda err, req: "key")
    router.error(lambda_error := ValueError, lambda err, req: f"{lambda_error.__name__} {err}")
    assert ask(router, "x", "resume") == "resumed"
    assert ask(router, "x", "raise") == "key"
    assert ask(router, "x", "pass") == "ValueError pass"


def test_a_handler_may_catch_what_the_rest_raises() -> None:
    router = Router()

    @router.route("x")
    async def around(req: Request, next: Next) -> str:
        try:
            await next()
        except RefusedError:
            return "caught"
        return "not raised"

    @router.route("x")
    async def handler(req: Request) -> None:
        raise RefusedError

    assert ask(router, "x") == "caught"


def test_next_takes_text_for_an_error_of_that_message() -> None:
    router = Router()

    @router.route("x")
    async def handler(req: Request, next: Next) -> object:
        return await next(req.load[0])

    with pytest.raises(ClusterError, match="text") as caught:
        ask(router, "x", "text")
    assert (caught.value.type, caught.value.status) == ("Error", 500)
    with pytest.raises(TypeError, match="exception"):
        ask(router, "x", 7)
    router.error(ClusterError, lambda error, req: f"caught {error}")
    assert ask(router, "x", "text") == "caught text"


def test_the_status_of_an_error_is_kept_where_it_is_one() -> None:
    odd = RefusedError()
    odd.status = 200
    assert as_failure(RefusedError("no")).status == 403
    assert as_failure(odd).status == 500
    assert as_failure(RefusedError("no"), status=404).status == 404
    failure = as_failure(PeerDied("gone", connection="users"))
    assert (failure.type, failure.connection, failure.status) == ("PeerDied", "users", 503)
    assert Reply.error("plain", status=400, why="x").failure.fields == {"why": "x"}  # type: ignore[union-attr]  # pyright: ignore


# Routers.


def test_a_router_is_mounted_and_paths_add_up() -> None:
    inner, outer = Router(), Router()
    inner.route("thing", lambda req: (req.base_path, req.path, dict(req.params)))
    outer.mount("things/:kind", inner)
    assert ask(outer, "things/a/thing/x") == ("things/a/thing", "/x", {})
    with pytest.raises(RouteNotFound):
        ask(outer, "thing")


def test_parameters_of_the_mount_are_merged_if_asked() -> None:
    inner, outer = Router(merge_params=True), Router()
    inner.route(":id/*", lambda req: dict(req.params))
    outer.route(":kind/:id/*x", inner)
    assert ask(outer, "a/1/zx/2/y") == {"kind": "a", "id": "2", 0: "z", 1: "y"}


def test_without_a_match_inside_the_outer_chain_goes_on() -> None:
    inner, outer = Router(), Router()
    inner.route("other", lambda req: "inner")
    outer.route("a", inner, lambda req: "behind")
    assert (ask(outer, "a/other"), ask(outer, "a/b")) == ("inner", "behind")


def test_a_router_called_by_hand_does_the_same() -> None:
    inner, outer = Router(), Router()
    inner.route("/x", lambda req: "inner")
    outer.route("a", lambda req, next: inner(req, next))
    outer.route("a", lambda req: "behind")
    assert (ask(outer, "a/x"), ask(outer, "a/y")) == ("inner", "behind")


def test_errors_inside_go_to_handlers_inside_then_to_those_behind_the_mount() -> None:
    inner, outer = Router(), Router()

    @inner.route("x")
    def fail(req: Request) -> None:
        raise (KeyError if req.load else RefusedError)("no")

    inner.error(KeyError, lambda err, req: "inside")
    outer.error(Exception, lambda err, req: "before the mount")
    outer.mount("a", inner)
    outer.error(Exception, lambda err, req: "behind the mount")
    assert (ask(outer, "a/x", 1), ask(outer, "a/x")) == ("inside", "behind the mount")


def test_an_error_behind_the_mount_does_not_come_back_in() -> None:
    inner, outer = Router(), Router()
    inner.route("x", lambda req, next: next())
    inner.error(Exception, lambda err, req: "inside")
    outer.mount("a", inner)

    @outer.route("a")
    def fail(req: Request) -> None:
        raise RefusedError

    with pytest.raises(RefusedError):
        ask(outer, "a/x")


def test_case_and_exactness_are_the_routers_own() -> None:
    inner, outer = Router(case_sensitive=False, exact=True), Router()
    inner.route("thing", lambda req: "thing")
    inner.route("open", lambda req: "open", exact=False)
    outer.mount("a", inner)
    assert (ask(outer, "a/THING"), ask(outer, "a/open/x")) == ("thing", "open")
    for path in ("A/thing", "a/thing/x"):
        with pytest.raises(RouteNotFound):
            ask(outer, path)


# Parameters.


def test_a_parameter_is_seen_before_the_handlers_once_a_request() -> None:
    router = Router()
    seen: list[tuple[object, object]] = []

    @router.param("id")
    async def load(req: Request, value: str, name: str) -> int:
        seen.append((value, name))
        return int(value)

    router.route("u/:id", lambda req, next: next())
    router.route("u/:id", lambda req: req.params["id"])
    assert ask(router, "u/7") == 7
    assert seen == [("7", "id")]
    assert ask(router, "u/8") == 8


def test_a_callback_that_returns_nothing_may_set_it_itself() -> None:
    router = Router()

    @router.param("id")
    def load(req: Request, value: str) -> None:
        req.params["id"] = value.upper()

    router.route(":id", lambda req: req.params["id"])
    assert ask(router, "a") == "A"


def test_a_callback_may_fail_the_request_for_every_route_of_the_same_value() -> None:
    router = Router()
    calls: list[str] = []

    @router.param("id")
    def load(req: Request, value: str) -> None:
        calls.append(value)
        raise RefusedError("no such user")

    router.route(":id", lambda req: "never")
    router.error(RefusedError, lambda err, req, next: next())
    router.route(":id", lambda req: "never")
    with pytest.raises(RefusedError):
        ask(router, "a")
    assert calls == ["a"]
