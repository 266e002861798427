"""Every input gives definitions or a coded error."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from portweave.cli.error_layout import lines_of
from portweave.encoding.cells import width
from portweave.encoding.text_style import plain as plain_line
from portweave.errors import DefinitionsInvalidError, PortweaveError
from portweave.procfiles import definitions, jsonfile, procfile, yamlfile
from portweave.procfiles.graph import as_text, needed, start_order
from portweave.procfiles.load import load, read_env_file
from portweave.procfiles.tree import plain

# Pieces that make inputs unusual in relevant ways, more often than random text.
PIECES = st.sampled_from(
    [
        *("services:", "api:", "web: x", "command", "{", "}", "[", "]", ":", ",", "-", "- ", "? "),
        *("&a ", "*a", "<<: *a", "!!str ", "---", "...", "%YAML 1.1", "|", ">", "#", '"', "'"),
        *("\n", "\n  ", "\n    ", "\r\n", "\t", " ", "\0", "\ufeff", "\ud7ff", "é", "\u2028"),
        *("null", "~", "true", "1e999", "-0", "0x", "9" * 400, "NaN", "\\ud800", "\\u0000", "${"),
        *("export ", "A=", 'A="', "A = b", "$$", "}", '"services"', '"command"', '{"a":', "ready"),
    ]
)
TEXTS = st.lists(PIECES | st.text(max_size=3), max_size=30).map("".join)
BYTES = st.binary(max_size=60) | TEXTS.map(str.encode)

# Documents that are nearly valid.
SCALARS: st.SearchStrategy[Any] = (
    st.none()
    | st.booleans()
    | st.integers(-5, 70000)
    | st.floats()
    | st.sampled_from(
        [
            *(
                "",
                " ",
                "x",
                "api",
                "web",
                "ready",
                "completed",
                "no",
                "on-failure:3",
                "always",
                "(",
            ),
            *("/health", "http://x", "10s", "1m", "SIGINT", "auto", "${api}", "$${x}", "${nope}"),
            *("A=1", "A", "PORTWEAVE_X", "API_PORT", "\0", "\ud800", "a*", ".env"),
        ]
    )
)
KEYS = st.sampled_from(
    [
        *("command", "workingDir", "working_dir", "environment", "envFile", "env_file", "restart"),
        *("dependsOn", "depends_on", "ready", "stopSignal", "stopGracePeriod", "scale", "port"),
        *(
            "envVar",
            "env_var",
            "group",
            "discoveryEnv",
            "oneshot",
            "profiles",
            "hostname",
            "wildcard",
            "tty",
            "image",
            "data",
        ),
        *("framework", "watch", "notify", "http", "tcp", "exec", "log", "interval", "timeout"),
        *("preferred", "path", "required", "x-note", "scope", "api", "web", "A", "services", ""),
    ]
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=6,
)
SERVICES = st.dictionaries(KEYS, VALUES, max_size=5).map(lambda keys: {"command": "x", **keys})
DOCUMENTS = st.fixed_dictionaries(
    {
        "services": st.dictionaries(
            st.sampled_from(["api", "web", "web-2", "x-y", "Api", "portweave"]),
            SERVICES | VALUES,
            max_size=3,
        )
    },
    optional={
        "projectName": VALUES,
        "envFile": VALUES,
        "$schema": VALUES,
        "project_name": VALUES,
        "x-y": VALUES,
    },
)


def check(read: Callable[[], object]) -> None:
    """Call `read`; accept a value, or a coded error that can be printed."""
    found: PortweaveError | None = None
    try:
        read()
    except PortweaveError as error:
        found = error
    if found is not None:
        assert found.code in ("PW0101", "PW0102", "PW0502", "PW0504")
        assert found.message
        json.dumps(found.as_json())
        check_layout(found)


def check_layout(error: PortweaveError) -> None:
    """A terminal shows the error within its width, and each mark stands in its line."""
    # An error with a line of a file is told as problems, so that it has a mark.
    assert bool(error.problems) == ("line" in error.facts)
    for problem in error.problems:
        assert problem.sentence
        assert min(problem.line, problem.column, problem.width) >= 1
        if problem.source:
            assert problem.column + problem.width <= len(problem.source) + 2
    for line in lines_of(error, columns=60, utf8=True):
        text = plain_line(line)
        # Source lines are cut; other texts are wrapped at blanks, and some words are long.
        assert width(text) <= 60 or text.partition("|")[0].strip(" 0123456789") != ""


@pytest.mark.parametrize(
    "name", ["Procfile", "portweave.yaml", "portweave.yml", "portweave.config.json"]
)
@given(data=BYTES)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_any_bytes_are_definitions_or_a_coded_error(name: str, data: bytes, tmp_path: Path) -> None:
    tmp_path.joinpath(name).write_bytes(data)
    check(lambda: load(str(tmp_path), str(tmp_path), None))
    check(lambda: load(str(tmp_path), str(tmp_path), name))


@given(data=BYTES)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_any_bytes_are_variables_or_a_coded_error(data: bytes, tmp_path: Path) -> None:
    path = tmp_path / ".env"
    path.write_bytes(data)
    check(lambda: read_env_file(str(path), required=True))


def build(text: str) -> object:
    document = jsonfile.parse(text, "/p/f.json", "f.json")
    found = definitions.build(document, None, "", {"/p/f.json": "f.json"}, {"/p/f.json": text})
    # Accepted definitions have a start order.
    assert {service.name for service in start_order(found)} == {
        service.name for service in found.services
    }
    as_text(found)
    needed(found, [service.name for service in found.services])
    return found


@given(document=DOCUMENTS)
def test_any_document_is_definitions_or_a_coded_error(document: object) -> None:
    text = json.dumps(document)
    check(lambda: build(text))


@given(document=DOCUMENTS, spaces=st.sampled_from([None, 1, 4]))
@settings(deadline=None)
def test_a_json_text_has_the_same_places_as_json_and_as_yaml(
    document: dict[str, Any], spaces: int | None
) -> None:
    text = json.dumps(document, indent=spaces, ensure_ascii=False)
    try:
        as_yaml = yamlfile.parse(text, "/p/f.yaml", "f.yaml")
        as_json = jsonfile.parse(text, "/p/f.json", "f.json")
    except DefinitionsInvalidError:
        return  # lone surrogates, NaN, and 1e+22, which YAML takes for text
    # Both parsers give the same places in a JSON text.
    for keys in _paths(document):
        one, other = as_json.origin(keys), as_yaml.origin(keys)
        assert (one.line, one.column) == (other.line, other.column)


def _paths(value: Any) -> list[tuple[str | int, ...]]:
    steps: list[tuple[str | int, Any]] = []
    if isinstance(value, dict):
        steps += cast("dict[str, Any]", value).items()
    elif isinstance(value, list):
        steps += enumerate(cast("Any", value))
    return [(), *((step, *path) for step, inner in steps for path in _paths(inner))]


def test_the_nodes_hold_the_values_of_the_document() -> None:
    text = '{"a": [1, {"b": null}], "c": "\\u00e9"}'
    document = jsonfile.parse(text, "/p/f.json", "f.json")
    places = jsonfile._places(text, "/p/f.json")[0]  # pyright: ignore[reportPrivateUsage]
    assert plain(places) == document.value


@given(
    commands=st.dictionaries(
        st.from_regex(r"[A-Za-z0-9_-]{1,8}", fullmatch=True),
        st.text(
            st.characters(codec="utf-8", exclude_characters="\n\r\0"), min_size=1, max_size=20
        ).filter(lambda text: text == text.strip(" \t") != ""),
        max_size=5,
    ),
    newline=st.sampled_from(["\n", "\r\n"]),
)
def test_a_written_procfile_reads_back(commands: dict[str, str], newline: str) -> None:
    text = "".join(f"{name}: {command}{newline}" for name, command in commands.items())
    found = procfile.parse(text, "/p/Procfile", "Procfile")
    assert {process.name: process.command for process in found} == commands
