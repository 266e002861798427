"""The real portless and portweave with one state folder."""

import json
import os
import random
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from portweave.routes import HostnameError, RouteMapping, RouteStore, parse_hostname
from tests.support.locked_packages import npm_packages
from tests.support.proxies import (
    Caller,
    Service,
    plain,
)

pytestmark = [pytest.mark.npm, pytest.mark.timeout(300)]

STORE = """
import { RouteStore } from 'portless';
const [dir, ...words] = process.argv.slice(2);
const store = new RouteStore(dir, { onWarning: (text) => console.error(text) });
"""


@pytest.fixture(scope="session")
def portless(pytestconfig: pytest.Config) -> Path:
    """The folder with portless and its node."""
    return npm_packages(pytestconfig)


class Node:
    """Run JavaScript beside portless."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.node = folder / "node_modules/node/bin/node"

    def argv(self, code: str, *words: object) -> list[str]:
        # Node looks for modules from the folder of the code.
        path = self.folder / f"code-{abs(hash(code))}-{os.getpid()}.mjs"
        path.write_text(code)
        return [str(self.node), str(path), *map(str, words)]

    def __call__(self, code: str, *words: object) -> str:
        done = subprocess.run(self.argv(code, *words), capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr
        return done.stdout


@pytest.fixture
def node(portless: Path) -> Iterator[Node]:
    yield Node(portless)
    for path in portless.glob(f"code-*-{os.getpid()}.mjs"):
        path.unlink()


def test_either_reads_what_the_other_writes(node: Node, tmp_path: Path) -> None:
    ours = RouteStore(tmp_path)
    ours.add_route("a.localhost", 3000, os.getpid())
    ours.add_route("é\u2028\x7f.localhost", 3001, 0)
    before = ours.get_routes_path()
    text = Path(before).read_bytes()
    code = STORE + "store.addRoute('c', 1, 0); console.log(JSON.stringify(store.loadRoutes()));"
    found = json.loads(node(code, tmp_path))
    assert [route["hostname"] for route in found] == ["a.localhost", "é\u2028\x7f.localhost", "c"]
    assert Path(before).read_bytes().startswith(text[:-2])
    ours.remove_route("c")
    assert Path(before).read_bytes() == text
    node(STORE + "store.removeRoute('a.localhost')", tmp_path)
    assert [route.port for route in ours.load_routes()] == [3001]


def test_numbers_and_texts_are_written_alike(node: Node, tmp_path: Path) -> None:
    numbers = [
        "3000.0",
        "1e3",
        "-0",
        "0.1",
        "1e21",
        "123456789012345678901",
        "1e-6",
        "1.5e-7",
        "5e-324",
        "1e20",
        "-12.50",
    ]
    entries = [f'{{"hostname":"h{n}","port":{text},"pid":0}}' for n, text in enumerate(numbers)]
    entries.append(r'{"hostname":"\ud800\u0001\"/","port":1,"pid":0,"x":{"b":[1.0,null],"a":{}}}')
    path = tmp_path / "routes.json"
    texts: list[bytes] = []
    for add in (
        lambda: RouteStore(tmp_path).add_route("last", 1, 0),
        lambda: node(STORE + "store.addRoute('last', 1, 0)", tmp_path),
    ):
        path.write_text(f"[{','.join(entries)}]")
        add()
        texts.append(path.read_bytes())
    assert texts[0] == texts[1]


def test_names_are_understood_alike(node: Node) -> None:
    chance = random.Random(7)  # noqa: S311
    letters = ["a", "B", "-", ".", "..", "_", " ", "/", "http://", "https://", ".localhost", "1"]
    texts = ["".join(chance.choices(letters, k=chance.randint(0, 6))) for _ in range(500)]
    texts += ["\ufeffa", "\x85a", "\x1ca", "a\n", "x" * 64, ".".join(["y" * 63] * 4)]
    code = (
        "import { parseHostname } from 'portless';"
        "console.log(JSON.stringify(JSON.parse(process.argv[2]).map((text) => {"
        " try { return parseHostname(text); } catch (error) { return [error.message]; } })));"
    )
    theirs = json.loads(node(code, json.dumps(texts)))

    def ours(text: str) -> object:
        try:
            return parse_hostname(text)
        except HostnameError as error:
            return [error.message]

    for text, answer in zip(texts, theirs, strict=True):
        assert ours(text) == answer, text


def test_both_change_the_routes_at_once(node: Node, tmp_path: Path) -> None:
    code = STORE + "for (let n = 0; n < 60; n++) store.addRoute(`${words[0]}-${n}`, n, 0);"
    theirs = [subprocess.Popen(node.argv(code, tmp_path, f"theirs{n}")) for n in range(2)]
    ours = RouteStore(tmp_path)
    n = 0
    while any(process.poll() is None for process in theirs) or n < 60:
        ours.add_route(f"ours-{n}", n, 0)
        n += 1
    assert [process.returncode for process in theirs] == [0, 0]
    assert len(ours.load_routes()) == n + 120


def test_a_proxy_of_theirs_sees_our_changes(
    node: Node, portless: Path, tmp_path: Path, spawned: Callable[..., subprocess.Popen[bytes]]
) -> None:
    service = Service(plain, "127.0.0.1")
    port = free_port()
    folder = tmp_path / "state"
    env = {
        **os.environ,
        "HOME": str(tmp_path),
        "PORTLESS_STATE_DIR": str(folder),
        "PORTLESS_SYNC_HOSTS": "0",
    }
    command = portless / "node_modules/portless/dist/cli.js"
    spawned(
        [node.node, command, "proxy", "start", "--foreground", "--no-tls", "-p", str(port)],
        env=env,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    wait_for(lambda: (folder / "proxy.pid").exists() and status_of(port, "x") == 404)
    ours = RouteStore(folder)
    for _ in range(3):
        ours.add_route("a.localhost", service.port, os.getpid())
        wait_for(lambda: status_of(port, "a.localhost") == 200)
        ours.remove_route("a.localhost")
        wait_for(lambda: status_of(port, "a.localhost") == 404)
    service.close()


def test_the_command_of_portless_knows_our_proxy(
    node: Node, portless: Path, tmp_path: Path, spawned: Callable[..., subprocess.Popen[bytes]]
) -> None:
    """portless sends `alias` to our proxy at once, and its probe accepts our proxy."""
    import sys

    folder = tmp_path / "state"
    port = free_port()
    words = ["-Im", "portweave", "proxy", "run", "--port", str(port), "--state-dir", str(folder)]
    spawned([sys.executable, *words], stderr=subprocess.DEVNULL)
    wait_for(lambda: (folder / "proxy.pid").exists())
    service = Service(plain, "127.0.0.1")
    node(STORE + "store.addRoute('b.localhost', Number(words[0]), 0)", folder, service.port)
    assert status_of(port, "b.localhost") == 200
    assert RouteStore(folder).load_routes() == [RouteMapping("b.localhost", service.port, 0)]
    service.close()


def free_port() -> int:
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def status_of(port: int, host: str) -> int:
    try:
        with Caller(port) as caller:
            caller.send(f"GET / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n")
            return int(caller.rest().split()[1])
    except OSError:
        return 0


def wait_for(question: Callable[[], object]) -> None:
    until_s = time.monotonic() + 20
    while not question():
        assert time.monotonic() < until_s
        time.sleep(0.05)
