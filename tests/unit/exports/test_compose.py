"""A stack as a file for Docker Compose."""

import re
from typing import Any

import pytest
import yaml

from portweave.errors import ExportNameError
from portweave.exports.compose import export
from portweave.exports.model import Hidden, Stack, Unit, VariableFile
from portweave.exports.remarks import Remark
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


def services_of(*units: Unit, **changes: object) -> dict[str, Any]:
    [(name, text)] = export(stack(*units, **changes)).files
    assert name == "compose.yaml"
    document = yaml.safe_load(text)
    assert set(document) - {"x-variables", "volumes"} == {"name", "services"}
    return document["services"]  # type: ignore[no-any-return]


TABLE: list[tuple[str, dict[str, object], dict[str, object]]] = [
    (
        "plain",
        {},
        {
            "image": "shop-web",
            "command": ["/bin/sh", "-c", "exec serve --port $$PORT"],
            "environment": {"WEB_PORT": "30001", "HOST": "127.0.0.1", "PORT": "30001"},
            "ports": ["127.0.0.1:30001:30001"],
            "restart": "on-failure:10",
            "stop_signal": "SIGTERM",
            "stop_grace_period": "10s",
            "init": True,
        },
    ),
    ("image", {"image": "node:22"}, {"image": "node:22"}),
    (
        "build",
        {"context": "/code/shop/front"},
        {"build": {"context": "./front"}, "image": "shop-web"},
    ),
    ("build at the root", {"context": "/code/shop"}, {"build": {"context": "."}}),
    ("no", {"restart": RestartPolicy(When.NO, None)}, {"restart": "no"}),
    ("never", {"restart": RestartPolicy(When.ON_FAILURE, 0)}, {"restart": "no"}),
    ("always", {"restart": RestartPolicy(When.ALWAYS, None)}, {"restart": "always"}),
    (
        "failure",
        {"restart": RestartPolicy(When.ON_FAILURE, None)},
        {"restart": "on-failure"},
    ),
    ("tty", {"tty": True}, {"tty": True}),
    ("grace", {"stop_grace_s": 1.5}, {"stop_grace_period": "1500ms"}),
    (
        "files",
        {"files": (ENV_FILE, VariableFile("/etc/shop.env", required=True))},
        {
            "env_file": [
                {"path": "./.env", "required": False},
                {"path": "../../etc/shop.env", "required": True},
            ]
        },
    ),
    (
        # In Compose, `environment` wins over files, so variables in files are left out.
        "in files",
        {"in_files": frozenset({"WEB_PORT", "PORT"}), "passed": ("LANG",)},
        {"environment": {"HOST": "127.0.0.1", "PORT": "30001", "LANG": None}},
    ),
    (
        "http",
        {
            "ready": ReadyPlan(
                http="http://127.0.0.1:30001/up", tcp=30001, interval_s=0.5, timeout_s=30
            ),
            "runtime": "python",
        },
        {
            "healthcheck": {
                "test": [
                    "CMD",
                    "python3",
                    "-c",
                    (
                        "import urllib.request as r;"
                        " r.urlopen('http://127.0.0.1:30001/up', timeout=5)"
                    ),
                ],
                "interval": "1s",
                "timeout": "5s",
                "retries": 3,
                "start_period": "30s",
            }
        },
    ),
]


@pytest.mark.parametrize(
    ("changes", "fields"), [row[1:] for row in TABLE], ids=[r[0] for r in TABLE]
)
def test_settings_of_a_service_become_fields(
    changes: dict[str, object], fields: dict[str, object]
) -> None:
    found = services_of(unit(**changes))["web"]
    assert {name: found[name] for name in fields} == fields


@pytest.mark.parametrize(
    ("ready", "test"),
    [
        (ReadyPlan(exec=("ok", "$X")), ["CMD", "ok", "$$X"]),
        (
            ReadyPlan(tcp=30001, exec=("ok", "a b")),
            [
                "CMD-SHELL",
                "bash -c '</dev/tcp/127.0.0.1/30001' && ok 'a b'",
            ],
        ),
    ],
)
def test_several_probes_are_combined(ready: ReadyPlan, test: list[str]) -> None:
    assert services_of(unit(ready=ready, runtime="go"))["web"]["healthcheck"]["test"] == test


def test_a_dependent_waits_for_a_condition_that_compose_supports() -> None:
    needs = tuple(
        Need(name, condition)
        for name, condition in (
            ("api", Condition.READY),
            ("log", Condition.READY),
            ("bare", Condition.READY),
            ("job", Condition.COMPLETED),
            ("web.2", Condition.STARTED),
        )
    )
    units = (
        unit("api", ready=ReadyPlan(tcp=1), runtime="node"),
        unit("bare", ready=ReadyPlan(tcp=1, written=True)),
        unit("log", ready=ReadyPlan(log="x", written=True)),
        unit("job", oneshot=True, ready=ReadyPlan(tcp=1)),
        unit("web.2"),
        unit("web", needs=needs),
    )
    found = services_of(*units)
    assert found["web"]["depends_on"] == {
        "api": {"condition": "service_healthy"},
        "log": {"condition": "service_started"},
        "bare": {"condition": "service_started"},
        "job": {"condition": "service_completed_successfully"},
        "web-2": {"condition": "service_started"},
    }
    assert "healthcheck" not in found["job"]
    notes = [remark.sentence() for remark in export(stack(*units)).remarks]
    assert "web: it waits until log is started, not until it is ready" in notes
    assert "log: log: nothing reads its output there" in notes


def test_data_becomes_named_volumes() -> None:
    [(_, text)] = export(stack(unit("db", data=("/data", "/log")), unit())).files
    document = yaml.safe_load(text)
    assert document["services"]["db"]["volumes"] == [
        {"type": "volume", "source": "db-data", "target": "/data"},
        {"type": "volume", "source": "db-data2", "target": "/log"},
    ]
    assert list(document["volumes"]) == ["db-data", "db-data2"]
    assert "volumes" not in document["services"]["web"]


def test_watched_files_are_copied_into_a_written_image_and_rebuild_another() -> None:
    watch = ("/code/shop/app", "/code/shop/lib/**/*.py", "/code/other")
    written = {"context": "/code/shop", "watch": watch, "cwd": "/app", "dockerfile": "/code/d/x"}
    lost = Remark("lost", "watch", "a change of files restarts nothing", ("web",))
    found = services_of(unit(**written))["web"]
    rules = found["develop"]["watch"]
    assert [(one["path"], one["action"], one.get("target")) for one in rules] == [
        ("./app", "sync+restart", "/app/app"),
        ("./lib", "sync+restart", "/app/lib"),
        ("../other", "rebuild", None),
    ]
    assert found["build"] == {"context": ".", "dockerfile": "../d/x"}
    own = services_of(unit(context="/code/shop", watch=watch))["web"]["develop"]["watch"]
    assert {one["action"] for one in own} == {"rebuild"}
    result = export(stack(unit(**written, remarks=(lost,))))
    assert [one.kind for one in result.remarks if one.key == "watch"] == ["info"]
    assert "# It needs Docker Compose 2.32 or newer." in result.files[0][1]
    image = export(stack(unit(watch=watch, remarks=(lost,))))
    assert lost in image.remarks
    assert "# It needs Docker Compose 2.20 or newer." in image.files[0][1]


def test_a_service_of_a_profile_may_be_off() -> None:
    need = (Need("db", Condition.STARTED),)
    on = unit("seed", needs=need, profiles=("all",))
    found = services_of(unit("db", profiles=("all",)), unit("web", needs=need), on)
    assert found["db"]["profiles"] == ["all"]
    assert found["web"]["depends_on"]["db"] == {"condition": "service_started", "required": False}
    assert found["seed"]["depends_on"]["db"] == {"condition": "service_started"}


def test_secrets_come_from_the_environment() -> None:
    hidden = {"URL": Hidden("URL_PASSWORD", "x://u:", "@h/$a"), "KEY": Hidden("KEY")}
    found = services_of(unit(hidden=hidden))["web"]["environment"]
    assert re.sub(r":\?[^}]*", "", found["URL"]) == "x://u:${URL_PASSWORD}@h/$$a"
    assert found["KEY"].startswith("${KEY:?")


def test_paths_are_relative_to_the_folder_of_the_file() -> None:
    found = services_of(unit(files=(ENV_FILE,), context="/code/shop"), place="/code/out")
    assert found["web"]["env_file"][0]["path"] == "../shop/.env"
    assert found["web"]["build"]["context"] == "../shop"


@pytest.mark.parametrize("text", ["on", "0x10", "1:30", "null", "~", "# x", "a: b", "é\n$", "01"])
def test_every_text_reads_back(text: str) -> None:
    found = services_of(unit(settled={"X": text}, argv=("run", text)))["web"]
    assert found["environment"]["X"] == text.replace("$", "$$")
    assert found["command"][1] == text.replace("$", "$$")


def test_variables_of_all_services_are_written_once() -> None:
    defaults = {f"S{number}_PORT": "30001" for number in range(50)} | {"PRICE": "$5"}
    own = unit("own", defaults=defaults, in_files=frozenset({"S1_PORT"}))
    units = (*(unit(f"web.{n}", defaults=defaults) for n in range(2, 52)), own)
    [(_, text)] = export(stack(*units)).files
    assert text.count("S1_PORT") == 1
    found = {name: one["environment"] for name, one in services_of(*units).items()}
    assert (
        found["web-2"]
        == found["web-51"]
        == {
            **defaults,
            **unit().settled,
            "PRICE": "$$5",
        }
    )
    assert found["own"].keys() == found["web-2"].keys() - {"S1_PORT"}


def test_two_services_with_one_label_are_refused() -> None:
    with pytest.raises(ExportNameError, match="both get the name web-2"):
        export(Stack("shop", "main", "/code/shop", "/code/shop", (unit("web.2"), unit("web-2"))))
