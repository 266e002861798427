"""The routes of npm portweave's panel, in the same shape."""

import time
from collections.abc import Mapping

import anyio
from anyio import to_thread
from starlette.requests import Request
from starlette.responses import Response

from portweave.allocator.ports.model import Key
from portweave.encoding.json_text import is_object
from portweave.errors import LaunchForbiddenError, PortweaveError
from portweave.panel import launcher, npm_snapshot
from portweave.panel.actions import Actions
from portweave.panel.http_messages import BadRequestError, body_of, json_answer, object_of
from portweave.panel.worktree_facts import FactFinder
from portweave.panel.worktrees import Worktrees
from portweave.supervisor.reporting.status_rows import rfc3339
from portweave.system.listeners import listening


class NpmRoutes:
    """Answers the requests that npm portweave's panel knows.

    Args:
        environ: The environment of the panel.
        worktrees: The worktrees of this machine.
        actions: Runs what a request asks for.
        facts: Finds facts about worktrees.
    """

    def __init__(
        self,
        environ: Mapping[str, str],
        worktrees: Worktrees,
        actions: Actions,
        facts: FactFinder,
    ) -> None:
        self._environ = environ
        self._worktrees = worktrees
        self._actions = actions
        self._facts = facts

    async def allocations(self, request: Request) -> Response:
        """Return all allocations, with facts about their worktrees."""
        again = request.query_params.get("refresh") == "1"
        try:
            described = await to_thread.run_sync(self._described)
        except PortweaveError:
            return json_answer({"error": "snapshot-failed"}, 500)
        found: dict[int, npm_snapshot.Facts] = {}

        async def find(index: int, one: npm_snapshot.Worktree) -> None:
            found[index] = await self._facts.of(one.root, one.git_common_dir, again=again)

        async with anyio.create_task_group() as tasks:
            for index, one in enumerate(described):
                tasks.start_soon(find, index, one)
        ports = {service.port for one in described for service in one.services}
        return json_answer(
            npm_snapshot.snapshot(
                [one.with_facts(found[index]) for index, one in enumerate(described)],
                await to_thread.run_sync(listening, ports),
                generated_at=rfc3339(time.time()),
                launch_supported=launcher.editor(self._environ) is not None,
                pull_requests=await self._facts.has_github(),
            )
        )

    def _described(self) -> list[npm_snapshot.Worktree]:
        known = self._worktrees.known().values()
        return [self._worktrees.described(one) for one in known if one.last_used_at]

    async def prune(self, request: Request) -> Response:
        """Release the ports of a worktree."""
        body = await body_of(request)
        fields = body if is_object(body) else {}
        if not isinstance(body, dict | list):
            raise BadRequestError("invalid request body")
        if fields.get("confirm") is not True:
            raise BadRequestError("confirm required")
        common_dir, namespace = fields.get("gitCommonDir", 0), fields.get("namespace")
        root = fields.get("worktreeRoot")
        if not (
            (common_dir is None or isinstance(common_dir, str))
            and isinstance(namespace, str)
            and isinstance(root, str)
        ):
            raise BadRequestError("invalid request body")
        key = Key(common_dir, namespace, root)
        try:
            removed = await to_thread.run_sync(self._actions.prune, key)
        except PortweaveError as error:
            if error.code.startswith("PW03"):
                return json_answer({"code": error.code, "error": "prune failed"}, 500)
            raise
        return json_answer({"removed": removed})

    async def open(self, request: Request) -> Response:
        """Open a worktree in an editor or a terminal."""
        fields = await object_of(request)
        target, root = fields.get("target"), fields.get("worktreeRoot")
        if target not in ("editor", "terminal") or not isinstance(root, str):
            raise BadRequestError("invalid request body")
        known = await to_thread.run_sync(self._worktrees.known)
        if all(one.root != root for one in known.values()):
            raise LaunchForbiddenError
        launch = launcher.open_editor if target == "editor" else launcher.open_terminal
        done = await to_thread.run_sync(launch, self._environ, root)
        return json_answer(done.as_json())
