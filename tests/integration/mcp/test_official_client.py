"""`portweave mcp` with the official client, which checks each answer against the schemas of MCP."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import anyio
import pytest

from tests.support.stacks import write

if TYPE_CHECKING:
    from tests.support.commands import Cli
    from tests.support.detached_stacks import Detached

STACK = """
services:
  web: {command: "exec sleep 99", port: false}
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("mode", "version"), [("auto", "2026-07-28"), ("legacy", "2025-11-25")], ids=str
)
def test_the_official_client_works_with_a_stack(
    project: Path,
    cli: "Cli",
    detached: "Detached",
    mode: Literal["auto", "legacy"],
    version: str,
) -> None:
    from mcp import Client, MCPError
    from mcp.client.stdio import StdioServerParameters
    from mcp.types import TextContent, TextResourceContents

    write(project, STACK)
    server = StdioServerParameters(
        command=cli.argv[0],
        args=[*cli.argv[1:], "mcp"],
        env={**cli.environ, "PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin"},
        cwd=str(project),
    )

    async def work() -> None:
        told: list[str | None] = []

        async def note(progress: float, total: float | None, message: str | None) -> None:
            assert progress > 0
            assert total is None
            told.append(message)

        async with Client(server, mode=mode) as client:
            assert client.protocol_version == version
            assert client.instructions is not None
            tools = (await client.list_tools()).tools
            assert [tool.name for tool in tools] == [
                "ensure", "status", "logs", "why", "settle", "control", "exec",
            ]  # fmt: skip
            # The client checks structured results against the schemas of the tools.
            ensured = await client.call_tool("ensure", {}, progress_callback=note)
            assert ensured.structured_content is not None
            assert ensured.structured_content["verdict"] == "ready"
            assert isinstance(ensured.content[0], TextContent)
            assert "web ready (1." in "\n".join(filter(None, told))
            for name in ("status", "logs", "why"):
                result = await client.call_tool(name, {})
                assert not result.is_error
                assert result.structured_content is not None
                assert result.structured_content["worktree"] == str(project)
            done = await client.call_tool("exec", {"service": "web", "command": "false"})
            assert done.is_error
            with anyio.move_on_after(0.3) as scope:
                await client.call_tool("exec", {"service": "web", "command": "sleep 96"})
            assert scope.cancelled_caught
            uris = [str(one.uri) for one in (await client.list_resources()).resources]
            assert uris == ["portweave://definition", "portweave://logs", "portweave://events"]
            for uri in uris:
                contents = (await client.read_resource(uri)).contents
                assert isinstance(contents[0], TextResourceContents)
            templates = (await client.list_resource_templates()).resource_templates
            assert templates[0].uri_template == "portweave://logs/{service}"
            with pytest.raises(MCPError):
                await client.call_tool("rm", {})
            with pytest.raises(MCPError):
                await client.read_resource("portweave://nosuch")
            down = await client.call_tool("control", {"action": "down"})
            assert not down.is_error

    anyio.run(work)


@pytest.mark.slow
def test_the_official_client_tells_its_roots(project: Path, cli: "Cli", tmp_path: Path) -> None:
    from mcp import Client
    from mcp.client.stdio import StdioServerParameters
    from mcp.types import ListRootsResult, Root
    from pydantic import FileUrl

    root = tmp_path / "open"
    root.mkdir()
    server = StdioServerParameters(
        command=cli.argv[0], args=[*cli.argv[1:], "mcp"], env=cli.environ, cwd=str(project)
    )

    async def work() -> None:
        was_asked = anyio.Event()

        async def roots(context: object) -> ListRootsResult:
            was_asked.set()
            return ListRootsResult(roots=[Root(uri=FileUrl(root.as_uri()))])

        async with Client(server, mode="legacy", list_roots_callback=roots) as client:
            with anyio.fail_after(20):
                await was_asked.wait()
            await client.list_tools()
            result = await client.call_tool("status", {})
            assert result.structured_content is not None
            assert result.structured_content["worktree"] == str(root)

    anyio.run(work)
