"""Which port a message means, and the cause with its hint."""

import pytest

from portweave.supervisor.diagnosis.cause import Cause
from portweave.supervisor.diagnosis.fixed_port_search import fixed_ports
from portweave.supervisor.diagnosis.port_in_use import (
    PortUse,
    mentioned_ports,
    port_cause,
)
from portweave.supervisor.diagnosis.reasons import (
    End,
    diagnose,
)

MESSAGES: list[tuple[str, int]] = [
    ("Error: listen EADDRINUSE: address already in use :::3000", 3000),
    ("Error: listen EADDRINUSE: address already in use 127.0.0.1:3000", 3000),
    ("Error: Port 5173 is already in use", 5173),
    ("Port 5000 is in use by another program. Either identify and stop that program,", 5000),
    ("listen tcp :8080: bind: address already in use", 8080),
    ("2026/11/30 13:58:52 listen tcp 127.0.0.1:8080: bind: address already in use", 8080),
    ('Address already in use - bind(2) for "127.0.0.1" port 3000 (Errno::EADDRINUSE)', 3000),
    ("Web server failed to start. Port 8080 was already in use.", 8080),
    ("nginx: [emerg] bind() to 0.0.0.0:8081 failed (98: Address already in use)", 8081),
    ("[ERROR] Connection in use: ('127.0.0.1', 8000)", 8000),
    ("while attempting to bind on address ('::1', 8000, 0, 0): address already in use", 8000),
    ("Could not create server TCP listening socket *:6379: bind: Address already in use", 6379),
    ("[x] Failed to listen on 127.0.0.1:8000 (reason: Address already in use)", 8000),
    ("Failed to bind to address http://127.0.0.1:5000: address already in use.", 5000),
    ("Bind for 0.0.0.0:5432 failed: port is already allocated", 5432),
    ("error: Failed to start server. Is port 3000 in use?", 3000),
]


@pytest.mark.parametrize(("message", "port"), MESSAGES)
def test_a_message_means_the_port_that_it_names(message: str, port: int) -> None:
    assert mentioned_ports(["starting on port 1", "", "", "", message], (), "x") == (port,)
    assert diagnose(End(1, (message,))).kind == "port in use"


# Messages without a number: it stands near them, in the trace, or in the command.
NUMBERLESS: list[tuple[list[str], str, tuple[int, ...]]] = [
    (["OSError: [Errno 98] Address already in use"], "python3 s.py", ()),
    (["OSError: [Errno 98] Address already in use"], "python3 s.py 4005 a4006", (4005,)),
    (["OSError: [Errno 98] Address already in use"], "python3 -m http.server 8000", (8000,)),
    (["Error: That port is already in use."], "manage.py runserver 0.0.0.0:8000", (8000,)),
    (["java.net.BindException: Address already in use"], "java -Dserver.port=8080 -jar x", (8080,)),
    (["Os { code: 98, kind: AddrInUse }"], "./serve --port=3000", (3000,)),
    (["    code: 'EADDRINUSE',", "    syscall: 'listen',", "    port: 3001"], "node x", (3001,)),
    (["    app.listen(3002)", "OSError: [Errno 48] Address already in use"], "x", (3002,)),
]


@pytest.mark.parametrize(("lines", "command", "ports"), NUMBERLESS)
def test_without_a_named_port_those_of_the_command_are_meant(
    lines: list[str], command: str, ports: tuple[int, ...]
) -> None:
    assert mentioned_ports(lines, fixed_ports(command), command) == ports


SAID = Cause("port in use", "the port is in use", place="app.py:3")
HELD = PortUse(3000, "api-main of the worktree /shop, pid 7 (node a.js)", 7)
FREE = PortUse(4000)


@pytest.mark.parametrize(
    ("uses", "text", "hint", "permanent"),
    [
        ([HELD, FREE], "port 3000 is in use by api-main of the worktree /shop", "port, 4000", True),
        ([PortUse(4000, "pid 9 (x)", 9)], "port 4000 is in use by pid 9 (x)", "kill 9", True),
        ([PortUse(4000, "a process of user 0")], "by a process of user 0", "its user", True),
        ([PortUse(4000, is_passing=True)], "port 4000 has no listener", "tries again", False),
        ([PortUse(3000), FREE], "port 3000 was in use; nothing listens", "port, 4000", False),
        ([FREE], "does not say which (app.py:3); its own, 4000, is free", "4000", False),
    ],
)
def test_the_cause_names_the_holder_of_the_port(
    uses: list[PortUse], text: str, hint: str, permanent: bool
) -> None:
    cause = port_cause(uses, 4000, (), "", SAID)
    assert text in cause.text
    assert hint in cause.hint
    assert cause.permanent is permanent
    assert "app.py:3" in cause.text


def test_the_hint_names_the_edit_of_the_command() -> None:
    cause = port_cause([HELD, FREE], 4000, fixed_ports("next dev -p 3000"), "", SAID)
    assert "write `-p $PORT` for `-p 3000`" in cause.hint
    plain = port_cause([HELD, FREE], 4000, (), f"./serve {HELD.port}", SAID)
    assert f"write $PORT for {HELD.port} in the command" in plain.hint
