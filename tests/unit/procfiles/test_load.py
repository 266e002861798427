"""Read definition files and .env files from disk."""

import json
import os
import socket
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from portweave.errors import LONGEST_MESSAGE, DefinitionsInvalidError, EnvFileError
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
def test_a_byte_order_mark_of_a_definition_file_is_ignored(
    name: str, text: str, tmp_path: Path
) -> None:
    (tmp_path / name).write_text(text, encoding="utf-8-sig")
    (service,) = load(str(tmp_path), None, None).services
    assert (service.name, service.command) == ("web", "a")


def test_a_byte_order_mark_of_an_env_file_is_ignored(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("A=1\n", encoding="utf-8-sig")
    assert read_env_file(str(tmp_path / ".env"), required=True).values == {"A": "1"}


def test_the_places_of_many_services_are_found_in_one_pass(tmp_path: Path) -> None:
    services = {f"s{number}": {"command": "x"} for number in range(MANY)}
    (tmp_path / "portweave.config.json").write_text(json.dumps({"services": services}, indent=1))
    began_s = time.process_time()
    found = load(str(tmp_path), None, None).services
    assert [service.origin.line for service in found] == [3 + 3 * n for n in range(MANY)]
    # A search for each service would take a minute.
    assert time.process_time() - began_s < 3


@pytest.mark.parametrize(
    "needs",
    [
        pytest.param([f"service-{(n + 1) % MANY}" for n in range(MANY)], id="a cycle of all"),
        pytest.param([f"servise-{n}" for n in range(MANY)], id="unknown names"),
    ],
)
def test_many_mistakes_are_reported_fast_and_in_a_short_message(
    needs: list[str], tmp_path: Path
) -> None:
    services = {f"service-{n}": {"command": "x", "dependsOn": [needs[n]]} for n in range(MANY)}
    (tmp_path / "portweave.config.json").write_text(json.dumps({"services": services}))
    began_s = time.process_time()
    with pytest.raises(DefinitionsInvalidError) as caught:
        load(str(tmp_path), None, None)
    assert len(caught.value.message) <= LONGEST_MESSAGE
    # A comparison of each mistake with every name would take half a minute.
    assert time.process_time() - began_s < 3


def make_pipe(path: Path) -> None:
    os.mkfifo(path)


def make_socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as left:
        # unix(7): a path has at most 108 bytes.
        os.chdir(path.parent)
        left.bind(path.name)


@pytest.mark.parametrize("name", ["Procfile", "portweave.yaml", "portweave.config.json", ".env"])
@pytest.mark.parametrize(
    ("make", "kind"),
    [
        (make_pipe, "it is a named pipe, not a file"),
        (make_socket, "it is a socket, not a file"),
        (Path.mkdir, "Is a directory"),
    ],
)
def test_a_path_that_is_not_a_file_is_an_error_at_once(
    name: str,
    make: Callable[[Path], None],
    kind: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    make(tmp_path / name)

    def read() -> object:
        if name == ".env":
            return read_env_file(str(tmp_path / name), required=False)
        return load(str(tmp_path), None, None)

    with pytest.raises((DefinitionsInvalidError, EnvFileError), match=kind):
        read()


def test_the_null_device_is_an_empty_env_file(tmp_path: Path) -> None:
    (tmp_path / ".env").symlink_to(os.devnull)
    assert read_env_file(str(tmp_path / ".env"), required=True).values == {}


def test_a_pipe_under_dev_fd_is_read(tmp_path: Path) -> None:
    reader, writer = os.pipe()
    os.write(writer, b"A=1\n")
    os.close(writer)
    try:
        assert read_env_file(f"/dev/fd/{reader}", required=True).values == {"A": "1"}
    finally:
        os.close(reader)
