"""A stack as a file for Docker Compose."""

from typing import Any

import pytest
import yaml

from portweave.errors import ExportNameError
from portweave.exports.compose import export
from portweave.exports.model import Stack, Unit, VariableFile
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
    assert set(document) - {"x-variables"} == {"name", "services"}
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
        {"has_image": True, "folder": "/code/shop/front"},
        {"build": {"context": "./front"}},
    ),
    ("build at the root", {"has_image": True}, {"build": {"context": "."}}),
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
        {"ready": ReadyPlan(http="http://127.0.0.1:30001/up", interval_s=0.5, timeout_s=30)},
        {
            "healthcheck": {
                "test": [
                    "CMD-SHELL",
                    (
                        "{ curl -kfsS -o /dev/null http://127.0.0.1:30001/up"
                        " || wget -qO /dev/null http://127.0.0.1:30001/up; }"
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
    assert ("build" in found) != ("image" in found)


@pytest.mark.parametrize(
    ("ready", "test"),
    [
        (ReadyPlan(exec=("ok", "$X")), ["CMD", "ok", "$$X"]),
        (
            ReadyPlan(tcp=30001, exec=("ok", "a b")),
            [
                "CMD-SHELL",
                "{ nc -z 127.0.0.1 30001 || bash -c '</dev/tcp/127.0.0.1/30001'; } && ok 'a b'",
            ],
        ),
    ],
)
def test_several_probes_are_combined(ready: ReadyPlan, test: list[str]) -> None:
    assert services_of(unit(ready=ready))["web"]["healthcheck"]["test"] == test


def test_a_dependent_waits_for_a_condition_that_compose_supports() -> None:
    needs = tuple(
        Need(name, condition)
        for name, condition in (
            ("api", Condition.READY),
            ("log", Condition.READY),
            ("job", Condition.COMPLETED),
            ("web.2", Condition.STARTED),
        )
    )
    units = (
        unit("api", ready=ReadyPlan(tcp=1)),
        unit("log", ready=ReadyPlan(log="x", written=True)),
        unit("job", oneshot=True, ready=ReadyPlan(tcp=1)),
        unit("web.2"),
        unit("web", needs=needs),
    )
    found = services_of(*units)
    assert found["web"]["depends_on"] == {
        "api": {"condition": "service_healthy"},
        "log": {"condition": "service_started"},
        "job": {"condition": "service_completed_successfully"},
        "web-2": {"condition": "service_started"},
    }
    assert "healthcheck" not in found["job"]
    notes = [remark.sentence() for remark in export(stack(*units)).remarks]
    assert "web: it waits until log is started, not until it is ready" in notes
    assert "log: log: nothing reads its output there" in notes


def test_a_missing_image_is_noted() -> None:
    told = export(stack(unit(), unit("api", image="x"), unit("db", has_image=True))).remarks
    assert [(one.kind, one.key, one.names) for one in told] == [("lost", "image", ("web",))]
    assert "--image web=IMAGE" in told[0].text


def test_paths_are_relative_to_the_folder_of_the_file() -> None:
    found = services_of(unit(files=(ENV_FILE,), has_image=True), place="/code/out")
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
