"""Services that report themselves ready by sd_notify(3), with real sockets."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from tests.support.stacks import write

if TYPE_CHECKING:
    from tests.support.running_stacks import StartUp

SAY = """
import os, socket, subprocess, sys, time

def say(text, to=os.environ.get("NOTIFY_SOCKET", "")):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as s:
        s.sendto(text.encode(), to)
"""


def write_stack(project: Path, program: str, keys: str = "") -> None:
    (project / "service.py").write_text(SAY + program)
    write(
        project,
        f"services: {{web: {{command: '{sys.executable} -u service.py', port: false, "
        f"ready: {{notify: true, timeout: 10s}}{keys}}}}}",
    )


def test_a_service_is_ready_when_it_says_so_and_its_status_is_shown(
    project: Path, up: "StartUp"
) -> None:
    write_stack(
        project, 'print("silent", flush=True)\nsay("READY=1\\nSTATUS=3 clients")\ntime.sleep(99)'
    )
    stack = up(project)
    stack.wait_for("web ready (")
    assert ", 3 clients)" in stack.said
    assert stack.stop() == 130


def test_a_service_ends_with_the_process_that_it_names(project: Path, up: "StartUp") -> None:
    write_stack(
        project,
        """
def wait_for(question):
    while not question():
        time.sleep(0.01)

first = os.getpid()
if os.fork():
    wait_for(lambda: os.path.exists("leave"))
    sys.exit(0)
os.setsid()
say(f"MAINPID={os.getpid()}\\nREADY=1")
wait_for(lambda: os.getppid() != first)
print("an orphan", flush=True)
wait_for(lambda: os.path.exists("end"))
os._exit(3)
""",
        ", restart: no",
    )
    stack = up(project)
    stack.wait_for("web ready (")
    (project / "leave").touch()
    stack.wait_for("an orphan")
    (project / "end").touch()
    stack.wait_for("web failed: exited with status 3")
    assert "left" not in stack.said
    assert stack.wait() == 1


def test_notices_of_other_processes_are_ignored_and_more_time_is_given(
    project: Path, up: "StartUp"
) -> None:
    # A process of another service sends READY=1 to web's socket. web sends it later than its first
    # time limit.
    (project / "service.py").write_text(
        SAY
        + """
open("socket", "w").write(os.environ["NOTIFY_SOCKET"])
say("EXTEND_TIMEOUT_USEC=20000000")
while not os.path.exists("lied"):
    time.sleep(0.01)
time.sleep(0.5)
open("now", "w").close()
say("READY=1")
time.sleep(99)
"""
    )
    (project / "liar.py").write_text(
        SAY
        + """
while not os.path.exists("socket") or not (to := open("socket").read()):
    time.sleep(0.01)
say("READY=1", to)
open("lied", "w").close()
time.sleep(99)
"""
    )
    run = f"{sys.executable} -u"
    write(
        project,
        f"""
        services:
          web:
            command: {run} service.py
            port: false
            ready: {{notify: true, timeout: 400ms}}
          liar:
            command: {run} liar.py
            port: false
        """,
    )
    stack = up(project)
    stack.wait_for("web ready")
    assert (project / "now").exists()
    assert stack.stop() == 130


def test_a_service_that_sends_no_notice_is_not_ready(project: Path, up: "StartUp") -> None:
    write_stack(project, 'say("STATUS=loading")\ntime.sleep(99)')
    (project / "portweave.yaml").write_text(
        (project / "portweave.yaml").read_text().replace("10s", "300ms")
    )
    stack = up(project)
    stack.wait_for("it has not sent READY=1 to NOTIFY_SOCKET (it says: loading)")
    assert stack.wait() == 1


def test_a_service_that_listens_on_another_port_is_reported_with_it(
    project: Path, up: "StartUp"
) -> None:
    (project / "service.py").write_text(
        "import socket, time\ns = socket.socket()\ns.bind(('127.0.0.1', 0))\ns.listen()\n"
        "print('on', s.getsockname()[1], flush=True)\ntime.sleep(99)"
    )
    write(
        project,
        f"services: {{web: {{command: '{sys.executable} service.py', "
        "ready: {tcp: true, timeout: 1500ms}}}",
    )
    stack = up(project)
    stack.wait_for("given ")
    elsewhere = stack.lines_of("web")[0].split()[1]
    assert f"given {stack.port('WEB_PORT')}, listens on {elsewhere}" in stack.said
    assert stack.wait() == 1
