"""Processes that join a bus directly: they know PORTWEAVE_HUB, and have no hub."""

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Generator
from pathlib import Path

import pytest
import trio

from portweave import cluster
from portweave.cluster import Connection, Request
from tests.support.nats_servers import NatsServer
from tests.support.ports import reserve_ports

# A member for tests that kill it.
SERVICE = """
import asyncio
import contextlib
from portweave import cluster

async def main():
    async with cluster.connect() as connection:
        connection.route("pid", lambda req: __import__("os").getpid())
        @connection.route("never")
        async def never(req):
            print("asked", flush=True)
            try:
                await asyncio.sleep(600)
            finally:
                print("cancelled", flush=True)
        @connection.route("ask")
        async def ask(req):
            return await connection.request(*req.load, timeout=None)
        connection.ready()
        print("ready", flush=True)
        await connection.closed()

asyncio.run(main())
"""


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Generator[NatsServer]:
    found = NatsServer(tmp_path)
    use(found, monkeypatch)
    with found.running():
        yield found


def use(server: NatsServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PORTWEAVE_SOCKET", raising=False)
    monkeypatch.delenv("PORTWEAVE_NAME", raising=False)
    monkeypatch.setenv("PORTWEAVE_HUB", server.url)
    monkeypatch.setenv("PORTWEAVE_REALM", "test")


def member(name: str) -> "subprocess.Popen[str]":
    """Start a member in a process of its own, and wait until it is ready."""
    process = subprocess.Popen(
        [sys.executable, "-c", SERVICE],
        env={**os.environ, "PORTWEAVE_NAME": name},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


def end(process: "subprocess.Popen[str]") -> None:
    process.kill()
    process.wait()
    assert process.stdout is not None
    process.stdout.close()


def serve(connection: Connection) -> None:
    connection.options["env"] = "test"
    connection.route("echo", lambda req: req.load[0])
    connection.route("who", lambda req: [connection.name, req.asker])

    @connection.route("fail")
    def fail(req: Request) -> None:
        raise LookupError("boom")

    @connection.route("sleep")
    async def sleep(req: Request) -> None:
        await asyncio.sleep(req.load[0])

    connection.ready()


async def reached(connection: Connection, address: str) -> None:
    """Wait until an address is answered: `ready` returns before the server has read it."""
    while True:
        try:
            await connection.request(address, 1)
        except cluster.ConnectionNotFound:
            await asyncio.sleep(0.01)
        else:
            return


def test_members_call_each_other(server: NatsServer) -> None:
    async def main() -> None:
        async with cluster.connect(name="web") as web, cluster.connect(name="users") as users:
            serve(users)
            await reached(web, "users/echo")
            assert await web.request("users/echo", {"a": ["ü"]}) == {"a": ["ü"]}
            address = "@test:default:main/web"
            assert await web.request("@main/users/who") == ["users", address]
            assert await web.request("who", to="@default:main/users") == ["users", address]
            # The order of one caller holds.
            got = [web.request("users/echo", number) for number in range(200)]
            assert await asyncio.gather(*got) == list(range(200))
            with pytest.raises(cluster.RemoteError, match="boom") as caught:
                await web.request("users/fail")
            assert (caught.value.type, caught.value.status) == ("LookupError", 500)
            with pytest.raises(cluster.RouteNotFound):
                await web.request("users/nothing")
            began_s = time.monotonic()
            for nobody in ("nobody/x", "@elsewhere/users/x", "@other:default:main/users/x"):
                with pytest.raises(cluster.ConnectionNotFound, match="on the bus"):
                    await web.request(nobody, timeout=20)
            assert time.monotonic() - began_s < 3
            with pytest.raises(cluster.RequestTimeout, match=r"within 0.1 s"):
                await web.request("users/sleep", 60, timeout=0.1)

    asyncio.run(main())


def test_realms_are_apart_and_replicas_share_calls(
    server: NatsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def main() -> None:
        async with cluster.connect(name="users") as one, cluster.connect(name="users") as two:
            serve(one)
            serve(two)
            monkeypatch.setenv("PORTWEAVE_REALM", "other")
            async with cluster.connect() as other:
                with pytest.raises(cluster.ConnectionNotFound):
                    await other.request("users/echo", 1)
                await reached(other, "@test:default:main/users/echo")
            counts = [0, 0]
            for index, connection in enumerate((one, two)):

                def count(req: Request, index: int = index) -> None:
                    counts[index] += 1

                connection.route("count", count)
            for _ in range(60):
                await one.request("users/count")
            assert sum(counts) == 60
            assert min(counts) > 0

    asyncio.run(main())


def test_a_cancelled_call_ends_its_handler(server: NatsServer) -> None:
    process = member("users")

    async def main() -> None:
        async with cluster.connect() as web:
            await reached(web, "users/pid")
            call = asyncio.create_task(web.request("users/never", timeout=None))
            assert process.stdout is not None
            assert await asyncio.to_thread(process.stdout.readline) == "asked\n"
            call.cancel()
            assert await asyncio.to_thread(process.stdout.readline) == "cancelled\n"
            # The caller goes without a word: the bus says so a second later.
            call = asyncio.create_task(web.request("users/never", timeout=None))
            assert await asyncio.to_thread(process.stdout.readline) == "asked\n"
        assert await asyncio.to_thread(process.stdout.readline) == "cancelled\n"
        call.cancel()

    try:
        asyncio.run(main())
    finally:
        end(process)


@pytest.mark.parametrize(
    "how", [signal.SIGKILL, pytest.param(signal.SIGSTOP, marks=pytest.mark.slow)]
)
def test_a_member_that_dies_or_stands_still_fails_its_calls(
    server: NatsServer, how: signal.Signals
) -> None:
    process = member("users")

    async def main() -> None:
        async with cluster.connect() as web:
            await reached(web, "users/pid")
            call = asyncio.create_task(web.request("users/never", timeout=None))
            assert process.stdout is not None
            assert await asyncio.to_thread(process.stdout.readline) == "asked\n"
            began_s = time.monotonic()
            process.send_signal(how)
            with pytest.raises(cluster.PeerDied):
                await call
            assert time.monotonic() - began_s < 5

    try:
        asyncio.run(main())
    finally:
        end(process)


def test_a_server_that_was_killed_is_joined_again(server: NatsServer) -> None:
    async def main() -> None:
        async with cluster.connect() as web, cluster.connect(name="users") as users:
            serve(users)
            await reached(web, "users/echo")
            call = asyncio.create_task(web.request("users/sleep", 60))
            await web.request("users/echo", 1)
            server.kill()
            with pytest.raises(cluster.PeerDied, match="connection to the bus was lost"):
                await call
            with pytest.raises(cluster.RequestTimeout, match="the bus is not connected"):
                await web.request("users/echo", 1, timeout=0.1)
            waiting = asyncio.create_task(web.request("nobody/echo", 2, timeout=20))
            server.start()
            # What waited was published to the new server.
            with pytest.raises(cluster.ConnectionNotFound):
                await waiting
            await reached(web, "users/echo")

    asyncio.run(main())


@pytest.mark.slow
def test_a_server_that_stands_still_is_noticed(server: NatsServer) -> None:
    async def main() -> None:
        async with cluster.connect() as web, cluster.connect(name="users") as users:
            serve(users)
            await reached(web, "users/echo")
            call = asyncio.create_task(web.request("users/sleep", 60))
            await web.request("users/echo", 1)
            began_s = time.monotonic()
            server.signal(signal.SIGSTOP)
            try:
                with pytest.raises(cluster.PeerDied):
                    await call
                assert time.monotonic() - began_s < 4
            finally:
                server.signal(signal.SIGCONT)
            await reached(web, "users/echo")

    asyncio.run(main())


def test_what_the_server_does_not_take_is_told_before_it_is_sent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = NatsServer(tmp_path, "max_payload: 4096")
    use(server, monkeypatch)

    async def main() -> None:
        async with cluster.connect() as web, cluster.connect(name="users") as users:
            users.route("large", lambda req: "x" * req.load[0])
            serve(users)
            await reached(web, "users/echo")
            with pytest.raises(cluster.MessageTooLarge, match="has 5004 bytes, the bus takes 3"):
                await web.request("users/echo", "x" * 5000)
            with pytest.raises(cluster.MessageTooLarge, match=r"answer has 5004 .* takes 4096"):
                await web.request("users/large", 5000)
            # The largest that the server takes.
            assert len(await web.request("users/large", 4092)) == 4092

    with server.running():
        asyncio.run(main())


def test_a_bus_asks_for_authority(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    server = NatsServer(
        tmp_path,
        """authorization { users: [
          { user: all, password: p },
          { user: some, password: p, permissions: { publish: { deny: "portweave.1.>" } } },
        ] }""",
    )
    use(server, monkeypatch)

    def join_as(user: str) -> None:
        monkeypatch.setenv("PORTWEAVE_HUB", server.url.replace("//", f"//{user}:p@"))

    async def main() -> None:
        with pytest.raises(cluster.HubUnreachable, match="refuses this member") as caught:
            await cluster.connect().__aenter__()
        assert "PORTWEAVE_HUB_CREDENTIALS" in caught.value.hints[0]
        join_as("all")
        async with cluster.connect(name="users") as users:
            serve(users)
            await reached(users, "users/echo")
            join_as("some")
            async with cluster.connect() as web:
                with pytest.raises(cluster.ClusterError, match="does not let this member") as told:
                    await web.request("users/echo", 1)
                assert told.value.status == 403

    with server.running():
        asyncio.run(main())


def test_without_a_bus_there_is_nothing_to_join(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = NatsServer(tmp_path)
    use(server, monkeypatch)
    with (
        pytest.raises(cluster.HubUnreachable, match="no bus answers at nats://127"),
        cluster.connect(sync=True),
    ):
        pass
    monkeypatch.setenv("PORTWEAVE_HUB_CREDENTIALS", str(tmp_path / "none"))
    with pytest.raises(cluster.ConfigError, match="no file of credentials"):
        cluster.connect(sync=True).__enter__()
    monkeypatch.setenv("PORTWEAVE_HUB", "http://127.0.0.1")
    with pytest.raises(cluster.ConfigError, match="does not begin with"):
        cluster.connect()


def test_programs_without_a_loop_join_and_those_on_trio_do_not(server: NatsServer) -> None:
    with cluster.connect(name="users", sync=True) as users:
        users.connection.route("echo", lambda req: req.load[0])
        users.ready()
        for _ in range(100):
            try:
                assert users.request("users/echo", 3) == 3
                break
            except cluster.ConnectionNotFound:
                time.sleep(0.01)

    async def main() -> None:
        await cluster.connect().__aenter__()

    with pytest.raises(cluster.ConfigError, match="asyncio"):
        trio.run(main)


@pytest.mark.slow
def test_ask_calls_over_the_bus_where_there_is_no_stack(server: NatsServer, tmp_path: Path) -> None:
    process = member("users")

    def ask(*words: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [sys.executable, "-m", "portweave", "ask", *words],
            cwd=tmp_path,
            env={**os.environ, "HOME": str(tmp_path), "XDG_STATE_HOME": str(tmp_path)},
            capture_output=True,
            text=True,
            check=False,
        )

    try:
        found = ask("--json", "@main/users/pid")
        assert json.loads(found.stdout) == {"schemaVersion": 1, "values": [process.pid]}
        found = ask("@main/nobody/x")
        assert (found.returncode, found.stdout) == (68, "")
        assert "'@test:default:main/nobody' on the bus" in found.stderr
        server.kill()
        found = ask("users/pid")
        assert found.returncode == 69
        assert f"no bus answers at {server.url}: connection refused" in found.stderr
    finally:
        end(process)


def test_garbage_on_the_subjects_of_a_member_harms_nobody(server: NatsServer) -> None:
    from nats.aio.client import Client

    async def main() -> None:
        async with cluster.connect() as web, cluster.connect(name="users") as users:
            serve(users)
            await reached(web, "users/echo")
            raw = Client()
            await raw.connect(server.url)
            heard = await raw.subscribe("portweave.1.>")  # pyright: ignore[reportUnknownMemberType]
            inboxes = await raw.subscribe("_INBOX.>")  # pyright: ignore[reportUnknownMemberType]
            await raw.flush()
            await web.request("users/echo", 1)
            inbox = (await inboxes.next_msg()).subject.rpartition(".")[0]
            subject = (await heard.next_msg()).subject
            for body in (b"", b"[", b"{}", b'[1]\n{"method":"$/cancel"}', b"\xff" * 100):
                for name in ("", ".cancel"):
                    await raw.publish(subject + name, body, reply="x.y")
                    await raw.publish(subject + name, body, headers={"Portweave-Timeout": "x"})
                for name in ("1", "live", "live-x", "9" * 30, "x"):
                    await raw.publish(f"{inbox}.{name}", body)
            await raw.flush()
            assert await web.request("users/echo", 2) == 2
            await raw.close()

    asyncio.run(main())


@pytest.mark.slow
def test_a_partitioned_bus_fails_open_calls_and_heals(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first_port, relay_port, second_port = (reserve_ports(1).start for _ in range(3))
    cluster_of = "cluster {{ name: c, listen: 127.0.0.1:{}, no_advertise: true{} }}"
    first = NatsServer(tmp_path, cluster_of.format(first_port, ""))
    route = f", routes: [nats://127.0.0.1:{relay_port}]"
    second = NatsServer(tmp_path, cluster_of.format(second_port, route))
    writers: list[asyncio.StreamWriter] = []

    async def pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Pass the bytes of one connection between the servers on."""
        other_reader, other_writer = await asyncio.open_connection("127.0.0.1", first_port)
        writers.extend((writer, other_writer))

        async def copy(source: asyncio.StreamReader, to: asyncio.StreamWriter) -> None:
            with contextlib.suppress(OSError):
                while data := await source.read(65536):
                    to.write(data)
            to.close()

        await asyncio.gather(copy(reader, other_writer), copy(other_reader, writer))

    async def main() -> None:
        relay = await asyncio.start_server(pass_on, "127.0.0.1", relay_port)
        use(first, monkeypatch)
        async with asyncio.timeout(25), cluster.connect() as web:
            use(second, monkeypatch)
            async with cluster.connect(name="users") as users:
                serve(users)
                await reached(web, "users/echo")
                call = asyncio.create_task(web.request("users/sleep", 60))
                await web.request("users/echo", 1)
                relay.close()
                for writer in writers:
                    writer.close()
                began_s = time.monotonic()
                with pytest.raises(cluster.PeerDied, match="nothing was heard"):
                    await call
                assert time.monotonic() - began_s < 5
                with pytest.raises(cluster.ConnectionNotFound):
                    await web.request("users/echo", 1)
                relay = await asyncio.start_server(pass_on, "127.0.0.1", relay_port)
                await reached(web, "users/echo")
            relay.close()
            for writer in writers:
                writer.close()

    with first.running(), second.running():
        asyncio.run(main())
