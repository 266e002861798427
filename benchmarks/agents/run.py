"""Twenty tasks of a coding agent, once by plain shell tools, once by the tools of `portweave mcp`.

`python benchmarks/agents/run.py [--write docs/agents.md]`. No model takes part: each side has the
commands that lead to the answer. The table counts the commands, the tokens that the agent reads
(bytes / 4), and whether the answer stands in what it has read.
"""

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from shop import Shop
from tasks import TASKS, Task

BEGIN, END = "<!-- bench:begin -->", "<!-- bench:end -->"


class Tools:
    """A connection to `portweave mcp`.

    Args:
        folder: The checkout.
        environ: The variables of the agent.
    """

    def __init__(self, folder: Path, environ: dict[str, str]) -> None:
        program = str(Path(sys.executable).with_name("portweave"))
        self.process = subprocess.Popen(
            [program, "mcp"],
            cwd=folder,
            env=environ,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        self._last = 0
        params = {"protocolVersion": "2025-11-25", "capabilities": {}}
        self._ask("initialize", params)

    def call(self, tool: str, arguments: dict[str, object]) -> str:
        """Call a tool; return the text and the structure, as a model may read both."""
        result = self._ask("tools/call", {"name": tool, "arguments": arguments})
        structure = json.dumps(result.get("structuredContent"), separators=(",", ":"))
        return f"{result['content'][0]['text']}\n{structure}"

    def close(self) -> None:
        """End the server."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait(20)

    def _ask(self, method: str, params: dict[str, object]) -> "dict[str, object]":
        self._last += 1
        message = {"jsonrpc": "2.0", "id": self._last, "method": method, "params": params}
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps(message).encode() + b"\n")
        self.process.stdin.flush()
        answer = json.loads(self.process.stdout.readline())
        return answer["result"]


def main() -> None:
    """Run all tasks on both sides, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--write", type=Path, help="a file with the marks of the table")
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="portweave-bench-"))
    names = ("HOME", "XDG_STATE_HOME", "XDG_CONFIG_HOME", "XDG_RUNTIME_DIR")
    environ = {**os.environ, "PORTWEAVE_PROXY": "0"} | dict.fromkeys(names, str(folder))
    shells = one_side(folder / "plain/shop", environ, is_plain=True)
    calls = one_side(folder / "shop", environ, is_plain=False)
    shutil.rmtree(folder, ignore_errors=True)
    text = table(list(zip(TASKS, shells, calls, strict=True)), table_bytes())
    print(text)
    if options.write is not None:
        before, _, rest = options.write.read_text().partition(BEGIN)
        after = rest.partition(END)[2]
        options.write.write_text(f"{before}{BEGIN}\n{text}\n{END}{after}")


def one_side(
    folder: Path, environ: dict[str, str], *, is_plain: bool
) -> list[tuple[int, int, bool]]:
    """Do all tasks on one side; return a row for each."""
    shop = Shop(folder, is_plain=is_plain)
    tools = None if is_plain else Tools(shop.folder, environ)
    try:
        if tools is None:
            return [by_shell(task, shop, environ) for task in TASKS]
        return [by_tools(task, shop, tools) for task in TASKS]
    finally:
        if tools is not None:
            tools.call("control", {"action": "down"})
            tools.close()
        shop.end()


def table_bytes() -> int:
    """Return the size of what `tools/list` answers."""
    from portweave.mcp.tool_table import tools

    return len(json.dumps(tools(with_exec=True), separators=(",", ":")))


def by_shell(task: Task, shop: Shop, environ: dict[str, str]) -> tuple[int, int, bool]:
    """Do a task by shell commands; return their number, the tokens, whether the answer is there."""
    task.before(shop)
    read = ""
    for command in task.plain:
        for name, text in ({**shop.ports, "folder": shop.folder}).items():
            command = command.replace(f"{{{name}}}", str(text))
        read += shop.shell(command, environ)
    return counted(task, len(task.plain), read)


def by_tools(task: Task, shop: Shop, tools: Tools) -> tuple[int, int, bool]:
    """Do a task by tools; the result is that of `by_shell`."""
    task.before(shop)
    read = "\n".join(tools.call(tool, arguments) for tool, arguments in task.tools)
    return counted(task, len(task.tools), read)


def counted(task: Task, commands: int, read: str) -> tuple[int, int, bool]:
    """Return the row of a side."""
    return commands, len(read.encode()) // 4, re.search(task.answer, read) is not None


def table(
    rows: list[tuple[Task, tuple[int, int, bool], tuple[int, int, bool]]], list_bytes: int
) -> str:
    """Return the table as Markdown."""
    lines = [
        "| task | shell: commands | tokens | answer | portweave: calls | tokens | answer |",
        "|---|---|---|---|---|---|---|",
    ]
    for task, *sides in rows:
        cells = [f"{n} | {tokens} | {'yes' if found else 'no'}" for n, tokens, found in sides]
        lines.append(f"| {task.name} | {' | '.join(cells)} |")
    sums = []
    for place in (1, 2):
        sides = [row[place] for row in rows]
        found = sum(side[2] for side in sides)
        sums.append(
            f"{sum(s[0] for s in sides)} | {sum(s[1] for s in sides)} | {found} of {len(rows)}"
        )
    lines.append(f"| all | {' | '.join(sums)} |")
    lines.append(f"\nThe table of the tools takes {list_bytes // 4} tokens more, once a session.")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
