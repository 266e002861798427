"""Definition files from disk."""

import json
import time
from pathlib import Path

import pytest

from portweave.errors import LONGEST_MESSAGE, DefinitionsInvalidError
from portweave.procfiles.load import load, read_env_file

MANY = 1000


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("Procfile", "web: a\n"),
        ("portweave.yaml", "services:\n  web:\n    command: a\n"),
        ("portweave.config.json", '{"services": {"web": {"command": "a"}}}'),
    ],
)
def test_a_byte_order_mark_is_no_part_of_a_definition(name: str, text: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text(text, encoding="utf-8-sig")
    (service,) = load(str(tmp_path), None, None).services
    assert (service.name, service.command) == ("web", "a")


def test_a_byte_order_mark_is_no_part_of_a_file_of_variables(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("A=1\n", encoding="utf-8-sig")
    assert read_env_file(str(tmp_path / ".env"), required=True) == {"A": "1"}


def test_the_places_of_many_services_are_found_in_one_look(tmp_path: Path) -> None:
    services = {f"s{number}": {"command": "x"} for number in range(MANY)}
    (tmp_path / "portweave.config.json").write_text(json.dumps({"services": services}, indent=1))
    began_s = time.process_time()
    found = load(str(tmp_path), None, None).services
    assert [service.origin.line for service in found] == [3 + 3 * n for n in range(MANY)]
    # With a look for each it takes a minute.
    assert time.process_time() - began_s < 3


@pytest.mark.parametrize(
    "needs",
    [
        pytest.param(lambda n: f"service-{(n + 1) % MANY}", id="a cycle of all"),
        pytest.param(lambda n: f"servise-{n}", id="names that nothing has"),
    ],
)
def test_many_mistakes_take_no_longer_than_one_and_fill_no_screen(
    needs: "object", tmp_path: Path
) -> None:
    assert callable(needs)
    services = {f"service-{n}": {"command": "x", "dependsOn": [needs(n)]} for n in range(MANY)}
    (tmp_path / "portweave.config.json").write_text(json.dumps({"services": services}))
    began_s = time.process_time()
    with pytest.raises(DefinitionsInvalidError) as caught:
        load(str(tmp_path), None, None)
    assert len(caught.value.message) <= LONGEST_MESSAGE
    # A look at every name for each of them takes half a minute.
    assert time.process_time() - began_s < 3
