"""A stack as units of systemd."""

import re

import pytest

from portweave.errors import ExportNameError
from portweave.exports.model import Unit
from portweave.exports.remarks import Remark
from portweave.exports.systemd import export
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
