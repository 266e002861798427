"""A stack as units of systemd."""

import re

import pytest

from portweave.errors import ExportNameError
from portweave.exports.model import Hidden, Unit
from portweave.exports.remarks import Remark
from portweave.exports.systemd import export
from portweave.exports.systemd_options import SystemdOptions, gains_privileges
from portweave.supervisor.services.plan import (
    Condition,
    Need,
    ReadyPlan,
    RestartPolicy,
    When,
)
from tests.support.export_samples import (
    ENV_FILE,
    stack,
    unit,
)

X = Remark("info", "routes", "x")
HTTP = ReadyPlan(http="http://127.0.0.1:30001/health", timeout_s=30, written=True)


def text_of(*units: Unit, name: str = "web") -> str:
    return dict(export(stack(*units)).files)[f"portweave-shop-main-{name}.service"]


def test_each_instance_has_a_unit_and_the_target_wants_them() -> None:
    files = dict(export(stack(unit("web"), unit("web.2"), unit("api"))).files)
    target = files.pop("portweave-shop-main.target")
    assert list(files) == [
        f"portweave-shop-main-{name}.service" for name in ("web", "web.2", "api")
    ]
    assert re.findall(r"^Wants=(.*)$", target, re.MULTILINE) == list(files)
    assert "WantedBy=default.target" in target
    for text in files.values():
        assert "PartOf=portweave-shop-main.target\n" in text
        assert "WantedBy=portweave-shop-main.target\n" in text


TABLE: list[tuple[str, dict[str, object], list[str]]] = [
    ("plain", {}, ["Type=exec", "Restart=on-failure", "StartLimitBurst=11", "RestartSec=500ms"]),
    (
        "plain",
        {},
        [
            "WorkingDirectory=/code/shop",
            'Environment="WEB_PORT=30001"',
            'Environment="PORT=30001"',
            'ExecStart=/bin/sh "-c" "exec serve --port $$PORT"',
            "KillMode=control-group",
            "KillSignal=SIGTERM",
            "TimeoutStopSec=10s",
        ],
    ),
    ("stop", {"stop_signal": "SIGINT", "stop_grace_s": 0.3}, ["KillSignal=SIGINT"]),
    ("grace", {"stop_grace_s": 0.3}, ["TimeoutStopSec=300ms"]),
    ("grace", {"stop_grace_s": 90.0}, ["TimeoutStopSec=90s"]),
    ("no restart", {"restart": RestartPolicy(When.NO, None)}, ["Restart=no"]),
    (
        "always",
        {"restart": RestartPolicy(When.ALWAYS, None)},
        ["Restart=always", "StartLimitIntervalSec=0"],
    ),
    ("limit", {"restart": RestartPolicy(When.ON_FAILURE, 3)}, ["StartLimitBurst=4"]),
    (
        "oneshot",
        {"oneshot": True, "restart": RestartPolicy(When.NO, None)},
        ["Type=oneshot", "RemainAfterExit=yes", "TimeoutStartSec=infinity"],
    ),
    (
        "oneshot always",
        {"oneshot": True, "restart": RestartPolicy(When.ALWAYS, None)},
        ["Type=oneshot", "Restart=on-failure"],
    ),
    (
        "notify",
        {"ready": ReadyPlan(notify=True, timeout_s=5, written=True)},
        ["Type=notify", "NotifyAccess=all", "TimeoutStartSec=5s"],
    ),
    (
        "http",
        {"ready": HTTP},
        [
            (
                'ExecStartPost=/bin/sh "-c" "until curl -kfsS -m 5 -o /dev/null'
                ' http://127.0.0.1:30001/health 2>/dev/null; do sleep 0.2; done"'
            ),
            "TimeoutStartSec=30s",
        ],
    ),
    (
        "tcp",
        {"ready": ReadyPlan(tcp=30001, written=True)},
        [
            (
                'ExecStartPost=/bin/sh "-c" "until /bin/bash -c \'</dev/tcp/127.0.0.1/30001\''
                ' 2>/dev/null; do sleep 0.2; done"'
            )
        ],
    ),
    (
        "exec",
        {"ready": ReadyPlan(exec=("check", "a b"), written=True)},
        ['ExecStartPost=/bin/sh "-c" "until check \'a b\' 2>/dev/null; do sleep 0.2; done"'],
    ),
    ("file", {"files": (ENV_FILE,)}, ["EnvironmentFile=-/code/shop/.env"]),
    ("passed", {"passed": ("TERM", "LANG")}, ["PassEnvironment=TERM LANG"]),
    ("list", {"argv": ("npm", "run", "50%")}, ['ExecStart=/usr/bin/env "npm" "run" "50%%"']),
    ("relative", {"argv": ("bin/run",)}, ["ExecStart=/code/shop/bin/run"]),
    ("blank", {"argv": ("/opt/a b/run",)}, ['ExecStart="/opt/a b/run"']),
    (
        "nasty",
        {"settled": {"X": 'a "b" \\ $HOME %h\nnext'}},
        [r'Environment="X=a \"b\" \\ $HOME %%h\nnext"'],
    ),
    (
        # exec(5): a file wins over Environment=.
        "settled",
        {"settled": {"X": "ours"}, "in_files": frozenset({"X"}), "files": (ENV_FILE,)},
        ['ExecStart=/usr/bin/env "X=ours" "/bin/sh" "-c" "exec serve --port $$PORT"'],
    ),
]


@pytest.mark.parametrize(
    ("changes", "lines"), [row[1:] for row in TABLE], ids=[r[0] for r in TABLE]
)
def test_settings_of_a_service_become_unit_settings(
    changes: dict[str, object], lines: list[str]
) -> None:
    text = text_of(unit(**changes))
    for line in lines:
        assert f"\n{line}\n" in text


@pytest.mark.parametrize(
    ("condition", "kind"),
    [
        (Condition.STARTED, "Wants"),
        (Condition.READY, "Requires"),
        (Condition.COMPLETED, "Requires"),
    ],
)
def test_a_dependent_unit_starts_after_its_dependency(condition: Condition, kind: str) -> None:
    text = text_of(unit("api"), unit("web", needs=(Need("api", condition),)))
    assert f"\n{kind}=portweave-shop-main-api.service\n" in text
    assert "\nAfter=portweave-shop-main-api.service\n" in text


def test_a_service_that_may_listen_does_not_fail_without_listening() -> None:
    text = text_of(unit(ready=ReadyPlan(tcp=30001)))
    assert 'done; exit 0"' in text


def test_omissions_are_noted_in_the_result_and_in_the_files() -> None:
    result = export(stack(unit(ready=ReadyPlan(log="up", written=True), tty=True), remarks=(X,)))
    assert X in result.remarks
    for note in ("lost (ready): web: log", "changed (tty): web: "):
        assert any(told.line().startswith(note) for told in result.remarks)
        assert all(f"# - {note}" in text for _, text in result.files)


def test_a_line_feed_in_a_note_ends_no_comment() -> None:
    result = export(stack(unit(remarks=(Remark("lost", "watch", "a\nExecStart=/bin/evil"),))))
    assert all(
        not re.search("^ExecStart=/bin/evil", text, re.MULTILINE) for _, text in result.files
    )


def test_two_services_with_one_label_are_refused() -> None:
    with pytest.raises(ExportNameError, match="a b and a,b would both get the name a-b"):
        export(stack(unit("a b"), unit("a,b")))
    with pytest.raises(ExportNameError, match="more than"):
        export(stack(unit("a" * 300)))


SYSTEM = SystemdOptions(system=True, run_as="shop", prefix="/srv/shop", version=254)


def test_system_units_run_as_a_user_where_the_worktree_will_be() -> None:
    one = unit(
        argv=("/bin/sh", "-c", "exec /code/shop/bin/run --dir /code/shop-2 /code/shop"),
        folder="/code/shop/back",
        settled={"PORTWEAVE_WORKTREE": "/code/shop", "LIB": "/code/shop/a:/code/shop/b"},
        defaults={"DATA": "/code/shop/.data", "OTHER": "/code/shopping"},
        files=(ENV_FILE,),
        ready=ReadyPlan(exec=("/code/shop/check",), written=True),
        hidden={"KEY": Hidden("KEY")},
    )
    path = "/home/me/bin:/code/shop/node_modules/.bin:/usr/bin"
    result = export(stack(one, path=path), SYSTEM)
    files = dict(result.files)
    text = files["portweave-shop-main-web.service"]
    for line in (
        "After=network.target",
        "User=shop",
        "WorkingDirectory=/srv/shop/back",
        'Environment="PORTWEAVE_WORKTREE=/srv/shop"',
        'Environment="LIB=/srv/shop/a:/srv/shop/b"',
        'Environment="DATA=/srv/shop/.data"',
        'Environment="OTHER=/code/shopping"',
        'ExecStart=/bin/sh "-c" "exec /srv/shop/bin/run --dir /code/shop-2 /srv/shop"',
        "EnvironmentFile=-/srv/shop/.env",
        "EnvironmentFile=%E/portweave/shop-main-web.env",
        "NoNewPrivileges=yes",
        "ProtectSystem=full",
        "RestartSteps=6",
        "RestartMaxDelaySec=30s",
    ):
        assert f"\n{line}\n" in text
    assert 'Environment="PATH=/srv/shop/node_modules/.bin:/usr/local/sbin:' in text
    assert "/home/me" not in text
    assert "/srv/shop/check" in text
    target = files["portweave-shop-main.target"]
    assert "WantedBy=multi-user.target" in target
    assert "# It needs systemd 254 or newer." in target
    told = [remark.line() for remark in result.remarks]
    assert "info (workingDir): the worktree is expected in /srv/shop" in told
    assert any("/etc/portweave/shop-main-web.env" in line for line in told)
    assert not any(line.startswith("changed (restart)") for line in told)


def test_user_units_have_only_what_a_user_manager_can_do() -> None:
    text = text_of(unit())
    assert "\nNoNewPrivileges=yes\n" in text
    assert "ProtectSystem" not in text
    assert "User=" not in text
    assert "RestartSteps" not in text


def test_a_command_that_changes_its_user_runs_without_hardening() -> None:
    one = unit(argv=("/bin/sh", "-c", "exec sudo -u db postgres"))
    result = export(stack(one))
    assert "NoNewPrivileges" not in dict(result.files)["portweave-shop-main-web.service"]
    assert any("without hardening" in remark.text for remark in result.remarks)
    assert not gains_privileges(unit(argv=("npm", "run", "sudoku", "x/su")))


def test_a_worktree_in_a_read_only_folder_can_be_written() -> None:
    options = SystemdOptions(system=True, run_as="shop", prefix="/usr/share/shop")
    text = dict(export(stack(unit()), options).files)["portweave-shop-main-web.service"]
    assert "\nReadWritePaths=/usr/share/shop\n" in text
