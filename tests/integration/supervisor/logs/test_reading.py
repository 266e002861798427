"""`portweave logs`, on the output of real stacks."""

import json
import re
import stat
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from portweave.supervisor.logs.writer import LogFolder

if TYPE_CHECKING:
    from tests.support.commands import Cli
    from tests.support.detached_stacks import Detached
    from tests.support.running_stacks import StartUp
from tests.support.log_files import (
    logs_of,
    write_services,
)
from tests.support.stacks import IDLE, write


def test_logs_are_there_after_the_stack_has_ended_from_any_folder(
    project: Path, up: "StartUp", cli: "Cli"
) -> None:
    write_services(
        project,
        api="import sys; print('one'); print('oops', file=sys.stderr); print('\\x1b[31mred')",
        web="import time; time.sleep(0.2); print('last', end='')",
    )
    assert up(project).wait() == 0
    inner = project / "deep/down"
    inner.mkdir(parents=True)
    done = cli("logs", cwd=inner)
    assert (done.returncode, done.stderr) == (0, "")
    assert sorted(done.stdout.splitlines()) == [
        "api | \x1b[31mred",
        "api | one",
        "api | oops",
        "web | last",
    ]
    assert done.stdout.splitlines()[-1] == "web | last"
    assert cli(
        "logs", "--no-color", "--no-prefix", "api", "--stream", "out", cwd=project
    ).stdout == ("one\nred\n")
    assert cli("logs", "--stream", "err", cwd=project).stdout == "api | oops\n"
    assert cli("logs", "--tail-total", "1", cwd=project).stdout == "web | last\n"
    assert (logs_of(project) / "api.log").read_bytes().count(b"\x1b[31mred\n") == 1
    assert stat.S_IMODE(logs_of(project).stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in logs_of(project).iterdir()} == {0o600}
    assert (project / ".portweave/.gitignore").read_text() == "*\n"


def test_programs_get_an_object_for_each_line(project: Path, up: "StartUp", cli: "Cli") -> None:
    write_services(
        project, api="print('\\x1b[31m\"quoted\" \\u00e9'); print('\\xff'.encode('latin'))"
    )
    assert up(project, "--scale", "api=2").wait() == 0
    rows = [json.loads(line) for line in cli("logs", "--json", cwd=project).stdout.splitlines()]
    assert {(row["service"], row["instance"]) for row in rows} == {("api", 1), ("api", 2)}
    first = next(row for row in rows if row["instance"] == 2)
    assert list(first) == ["time", "service", "instance", "stream", "run", "line"]
    assert (first["stream"], first["run"], first["line"]) == ("out", 1, '"quoted" é')
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", first["time"])
    one = cli("logs", "api.2", "--json", cwd=project).stdout.splitlines()
    assert [json.loads(line)["instance"] for line in one] == [2, 2]


def test_runs_are_counted_over_restarts_of_the_stack(
    project: Path, up: "StartUp", cli: "Cli"
) -> None:
    write_services(project, api="import os; print(os.environ['ROUND'])")
    for number in (1, 2, 3):
        assert up(project, env={"ROUND": f"round {number}"}).wait() == 0
    every = cli("logs", "--run", "all", cwd=project).stdout
    assert every == "".join(f"api | round {n}\n" for n in (1, 2, 3))
    assert cli("logs", "--run", "last", cwd=project).stdout == "api | round 3\n"
    assert cli("logs", "--run", "2", cwd=project).stdout == "api | round 2\n"
    assert cli("logs", "--run", "9", cwd=project).stdout == ""


def test_logs_show_the_newest_stack_with_all_its_restarts(
    project: Path, up: "StartUp", cli: "Cli"
) -> None:
    write_services(project, api="print('before')", old="print('old')")
    assert up(project).wait() == 0
    write_services(
        project,
        api="import os\nprint('try')\nif os.path.exists('again'): raise SystemExit\n"
        "open('again', 'w').close()\nraise SystemExit(1)",
    )
    assert up(project).wait() == 0
    assert cli("logs", cwd=project).stdout == "api | try\napi | try\n"
    assert cli("logs", "-n", "9", "--no-prefix", cwd=project).stdout == "try\ntry\n"
    hidden = cli("logs", "old", cwd=project)
    assert (hidden.stdout, hidden.returncode) == ("", 0)
    assert "--run all shows more" in hidden.stderr
    assert cli("logs", "old", "--run", "all", cwd=project).stdout == "old | old\n"
    assert "api | before" in cli("logs", "--since", "1h", cwd=project).stdout


def test_the_last_lines_are_those_of_each_service_or_of_all_together(
    project: Path, cli: "Cli", monkeypatch: pytest.MonkeyPatch
) -> None:
    (project / "Procfile").write_text("api: true\nweb: true\n")
    logs = LogFolder(str(logs_of(project)), print)
    # `web` has printed everything after `api`.
    for second, name in enumerate(["api"] * 5 + ["web"] * 6):
        monkeypatch.setattr(time, "time_ns", lambda second=second: (second + 1) * 1_000_000_000)
        logs.log(name).write(0, b"%d\n" % second)
    logs.close()
    for args, expected in (
        (("-n", "2"), "api 3, api 4, web 9, web 10"),
        (("-n", "2", "web"), "web 9, web 10"),
        (("-n", "9", "api"), "api 0, api 1, api 2, api 3, api 4"),
        (("-n", "0"), ""),
        (("-n", "1", "--grep", "[1-8]$"), "api 4, web 8"),
        (("--tail-total", "3"), "web 8, web 9, web 10"),
        (("--tail-total", "7"), "api 4, web 5, web 6, web 7, web 8, web 9, web 10"),
        (("--tail-total", "3", "-n", "2"), "api 4, web 9, web 10"),
    ):
        found = cli("logs", *args, cwd=project).stdout.replace(" | ", " ").splitlines()
        assert ", ".join(found) == expected, args


def test_times_select_lines(project: Path, cli: "Cli", monkeypatch: pytest.MonkeyPatch) -> None:
    (project / "Procfile").write_text("api: true\n")
    now_ns = time.time_ns()
    logs = LogFolder(str(logs_of(project)), print)
    for minutes in (90, 60, 30, 1):
        moment_ns = now_ns - minutes * 60_000_000_000
        monkeypatch.setattr(time, "time_ns", lambda moment_ns=moment_ns: moment_ns)
        logs.log("api").write(0, b"%d minutes ago\n" % minutes)
    logs.close()
    for args, expected in (
        (("--since", "45m"), ["30", "1"]),
        (("--since", "1h10m", "--until", "20m"), ["60", "30"]),
        (("--until", "1h10m"), ["90"]),
        (("--since", "2d", "-n", "2", "--until", "50m"), ["90", "60"]),
    ):
        found = cli("logs", *args, cwd=project).stdout.splitlines()
        assert found == [f"api | {n} minutes ago" for n in expected], args
    stamped = cli("logs", "-t", "-n", "1", cwd=project, env={"TZ": "UTC"}).stdout
    moment = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(now_ns / 1e9 - 60))
    assert re.fullmatch(rf"{moment}\.\d{{3}} api \| 1 minutes ago\n", stamped)


def test_searching_shows_matches_and_the_lines_around_them(
    project: Path, up: "StartUp", cli: "Cli"
) -> None:
    write_services(project, api="for n in range(30): print(f'Line {n}')")
    assert up(project).wait() == 0
    assert cli("logs", "--grep", "line 1$", "-i", cwd=project).stdout == "api | Line 1\n"
    around = cli("logs", "--grep", "^Line (3|20)$", "-C", "1", "--no-prefix", cwd=project).stdout
    assert around.splitlines() == ["Line 2", "Line 3", "Line 4", "--"] + [
        f"Line {n}" for n in (19, 20, 21)
    ]
    assert cli("logs", "--grep", "Line", "-v", cwd=project).stdout == ""
    assert cli("logs", "--grep", "Line .$", "-n", "2", cwd=project).stdout == (
        "api | Line 8\napi | Line 9\n"
    )


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (("nope",), 'no service is named "nope"'),
        (("-f", "nope"), 'no service is named "nope"'),
        (("--since", "soon"), "--since takes a time, received 'soon'"),
        (("-n", "many"), "-n takes a number, received 'many'"),
        (("--tail-total", "x"), "--tail-total takes a number, received 'x'"),
        (("--brief", "--tail-total", "2"), "--brief and --tail-total are mutually exclusive"),
        (("--stream", "in"), "--stream takes out or err, received 'in'"),
        (("--run", "0"), "--run takes a number from 1, `last` or `all`, received '0'"),
        (("--grep", "("), "--grep takes a regular expression: "),
        (("-i",), "-i goes with --grep"),
        (("--after", "x"), "--after goes with --brief"),
        (("--brief", "--after", "x"), "--after takes a cursor, received 'x'"),
        (("--brief", "-f"), "--brief and --follow are mutually exclusive"),
        (("--", "api"), "logs takes names of services, not a command"),
    ],
)
def test_invalid_arguments_are_reported(
    project: Path, cli: "Cli", args: tuple[str, ...], message: str
) -> None:
    (project / "Procfile").write_text("api: true\n")
    done = cli("logs", *args, cwd=project)
    assert done.returncode == 1
    assert f"error: {message}" in done.stderr
    assert "(PW0601)" in done.stderr


def test_an_empty_log_is_reported(project: Path, cli: "Cli") -> None:
    (project / "Procfile").write_text("api: true\n")
    done = cli("logs", cwd=project)
    assert (done.returncode, done.stdout) == (0, "")
    assert "there are no logs yet" in done.stderr
    assert "api has printed nothing yet" in cli("logs", "api", cwd=project).stderr


def test_logs_of_all_worktrees_are_shown_together(
    repo: Callable[[int], list[Path]], up: "StartUp", cli: "Cli"
) -> None:
    for number, root in enumerate(repo(1)):
        write_services(root, api=f"print('in {number}')")
        assert up(root).wait() == 0
    lines = cli("logs", "--all", cwd=Path("/")).stdout.splitlines()
    labels = [line.partition(" | ") for line in lines]
    assert [text for _, _, text in labels] == ["in 0", "in 1"]
    assert labels[0][0].startswith("shop/main api")
    assert re.match(r"shop/shop-1-[0-9a-f]+ api", labels[1][0])
    assert cli("logs", "--stack", "shop-1", cwd=Path("/")).stdout == "api | in 1\n"
    assert "PW1001" in cli("logs", "--stack", "shop-2", cwd=Path("/")).stderr


def test_a_service_called_portweave_does_not_write_into_portweaves_log(
    project: Path, up: "StartUp", cli: "Cli"
) -> None:
    definition = "services: {portweave: {command: echo mine, port: false}}\n"
    (project / "portweave.yaml").write_text(definition)
    assert up(project).wait() == 0
    assert cli("logs", cwd=project).stdout == "portweave | mine\n"
    for line in (logs_of(project) / "portweave.log").read_text().splitlines():
        assert list(json.loads(line))[:3] == ["time", "level", "event"]


def test_events_of_services_are_logged_without_secrets(project: Path, up: "StartUp") -> None:
    (project / "portweave.yaml").write_text(
        "services:\n"
        "  api:\n"
        "    command: sleep 1000\n"
        "    ready: {exec: 'echo wrong $API_TOKEN; exit 1', timeout: 300ms}\n"
        "    restart: no\n"
    )
    stack = up(project, env={"API_TOKEN": "very-secret-indeed"})
    stack.wait()
    assert "wrong ***" in stack.said
    text = (logs_of(project) / "portweave.log").read_text()
    assert "very-secret" not in text + stack.said
    events = [json.loads(line) for line in text.splitlines()]
    assert [event["event"] for event in events][:2] == ["stack started", "service starting"]
    assert events[-1]["event"] == "stack ended"
    failed = next(event for event in events if event["event"] == "service failed")
    assert (failed["level"], failed["name"], failed["state"]) == ("error", "api", "failed")
    assert all(not isinstance(value, dict | list) for event in events for value in event.values())


def test_a_summary_has_a_cursor_for_what_comes_later(
    project: Path, up: "StartUp", cli: "Cli"
) -> None:
    write_services(
        project,
        api="for n in range(500): print(f'GET /{n} 200')\n"
        "for n in range(3):\n"
        "    try: {}[n]\n"
        "    except KeyError:\n"
        "        import traceback; traceback.print_exc()\n"
        "print('prompt> ', end='')",
    )
    assert up(project).wait() == 0
    first = cli("logs", "--brief", cwd=project).stdout.splitlines()
    assert first[0].startswith("api 516 lines (6 of errors)")
    assert "api | GET /499 200 (498 times)" in first
    assert first.count("api | Traceback (most recent call last):") == 1
    assert first[-2] == "api | prompt>"
    cursor = first[-1].removeprefix("cursor: ")
    again = cli("logs", "--brief", "--after", cursor, cwd=project).stdout.splitlines()
    assert again == ["nothing new", f"cursor: {cursor}"]
    write_services(project, api="print('more')", web="print('other')")
    assert up(project).wait() == 0
    news = cli("logs", "--brief", "--after", cursor, cwd=project).stdout.splitlines()
    assert sorted(news[1:-1]) == ["api | more", "web | other"]
    small = cli("logs", "--brief", "--run", "1", "--budget", "50", cwd=project).stdout
    assert len(small) <= 201
    data = json.loads(cli("logs", "--brief", "--json", "web", cwd=project).stdout)
    assert (data["schemaVersion"], data["lines"], data["seen"]) == (1, ["web | other"], {"web": 1})


def test_a_file_in_place_of_the_folder_of_logs_is_told(
    detached: "Detached", project: Path, cli: "Cli"
) -> None:
    write(project, f"services: {{web: {IDLE}}}\n")
    (project / ".portweave").mkdir()
    logs = project / ".portweave/logs"
    logs.touch()
    words = f"no logs are kept: {logs} is not a folder; remove it"
    assert f"warning: {words}" in detached.up()
    assert words in cli("logs", cwd=project).stderr
    detached.down()
