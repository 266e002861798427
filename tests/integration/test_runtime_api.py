"""The import API in real worktrees."""

import asyncio
import fcntl
import json
import logging
import os
import sys
import threading
from collections.abc import Awaitable, Callable
from pathlib import Path

import anyio
import pytest

from portweave import runtime
from portweave.errors import DefinitionsMissingError, PortweaveError
from portweave.runtime import (
    Err,
    Ok,
    Result,
    allocation_sync,
    env_sync,
    namespace_sync,
    ports_sync,
)
from tests.support.commands import Cli
from tests.support.ports import Pool

Repo = Callable[[int], list[Path]]

TWO = {
    "services": {
        "web": {"envVar": "WEB_PORT", "discoveryEnv": {"URL": "http://x:${web}"}},
        "api": {"envVar": "API_PORT"},
    }
}


@pytest.fixture(autouse=True)
def _clean_environment(environ: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith(("PORTWEAVE_", "XDG_", "GIT_")):
            monkeypatch.delenv(name)
    for name, value in environ.items():
        monkeypatch.setenv(name, value)


def define(root: Path, definitions: object = TWO) -> None:
    (root / "portweave.config.json").write_text(json.dumps(definitions))


def error_of(result: Result[object]) -> PortweaveError:
    assert isinstance(result, Err), result
    return result.error


def entries(home: Path) -> list[dict[str, object]]:
    path = home / "config" / "portweave" / "registry.json"
    found: list[dict[str, object]] = json.loads(path.read_text())["entries"]
    return found


def test_they_answer_as_run_and_show_do(repo: Repo, pool: Pool, cli: Cli) -> None:
    (root,) = repo(0)
    define(root)
    below = root / "src" / "deep"
    below.mkdir(parents=True)
    web, api = pool.start, pool.start + 1
    assert ports_sync(cwd=below) == Ok({"web": web, "api": api})
    assert env_sync(cwd=root) == Ok(
        {
            "PORTWEAVE_NAMESPACE": "main",
            "WEB_PORT": str(web),
            "URL": f"http://x:{web}",
            "API_PORT": str(api),
        }
    )
    text = (root / ".portweave" / "current.env").read_text()
    assert f"WEB_PORT={web}\n" in text
    cli("run", "true", cwd=root)
    assert (root / ".portweave" / "current.env").read_text() == text
    assert json.loads(cli("show", "--json", cwd=root).stdout)["ports"] == {"web": web, "api": api}


def test_the_allocation_is_the_entry_of_the_registry(repo: Repo, home: Path) -> None:
    _, linked = repo(1)
    define(linked)
    found = allocation_sync(cwd=linked).unwrap()
    (entry,) = entries(home)
    assert {
        "key": {
            "gitCommonDir": found.key.git_common_dir,
            "namespace": found.key.namespace,
            "worktreeRoot": found.key.worktree_root,
        },
        "lastUsedAt": found.last_used_at,
        "namespace": found.namespace,
        "ports": found.ports,
    } == entry
    assert found.key.worktree_root == str(linked)
    assert found.namespace.startswith("shop-1-")
    assert found.key.offset_override is None
    assert repr(found).startswith("Allocation(")


def test_an_offset_is_reported_only_after_it_placed_the_block(
    repo: Repo, pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    (root,) = repo(0)
    define(root)
    monkeypatch.setenv("PORTWEAVE_OFFSET", "7")
    first, second = allocation_sync(cwd=root).unwrap(), allocation_sync(cwd=root).unwrap()
    assert first.ports == {"web": pool.start + 7, "api": pool.start + 8}
    assert [first.key.offset_override, second.key.offset_override] == [7, None]
    monkeypatch.setenv("PORTWEAVE_OFFSET", "x")
    assert error_of(ports_sync(cwd=root)).code == "PW0202"
    assert error_of(namespace_sync(cwd=root)).code == "PW0202"


def test_dotenv_at_the_root_overrides_and_the_process_does_not(
    repo: Repo, pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    (root,) = repo(0)
    below = root / "below"
    below.mkdir()
    define(below)
    (root / ".env").write_text("WEB_PORT=4000\nOTHER=1\n")
    (below / ".env").write_text("API_PORT=4001\n")
    monkeypatch.setenv("API_PORT", "5000")
    monkeypatch.setenv("WEB_PORT", "5001")
    assert ports_sync(cwd=below) == Ok({"web": 4000, "api": pool.start + 1})
    env = env_sync(cwd=below).unwrap()
    assert env["WEB_PORT"] == "4000"
    assert env["URL"] == f"http://x:{pool.start}", "templates keep the allocated port"
    assert "OTHER" not in env
    assert (root / ".portweave").is_dir()
    assert not (below / ".portweave").exists()


@pytest.mark.parametrize("value", ["", "x", "0", "65536", "80.0", "-1", "٣"])
def test_an_override_that_is_no_port_is_an_error_of_ports_alone(repo: Repo, value: str) -> None:
    (root,) = repo(0)
    define(root)
    (root / ".env").write_text(f"WEB_PORT={value}\n")
    error = error_of(ports_sync(cwd=root))
    assert error.code == "PW0503"
    assert error.message == (
        f'.env override for WEB_PORT (service "web") is "{value}",'
        " which is not a valid port integer in [1, 65535]"
    )
    assert env_sync(cwd=root).unwrap()["WEB_PORT"] == value


def test_scaled_services_have_a_port_for_each_instance(repo: Repo, pool: Pool) -> None:
    (root,) = repo(0)
    (root / "portweave.yaml").write_text(
        "services: {web: {command: a, scale: 2}, api: {command: b}, job: {command: c, port: false}}"
    )
    ports = ports_sync(cwd=root).unwrap()
    assert ports == {"web": pool.start, "web.2": pool.start + 1, "api": pool.start + 2}


def test_a_definition_file_goes_before_count(repo: Repo, pool: Pool, tmp_path: Path) -> None:
    (root,) = repo(0)
    assert ports_sync(cwd=root, count=3) == Ok(
        {f"port-{number}": pool.start + number - 1 for number in (1, 2, 3)}
    )
    assert set(env_sync(cwd=root, count=3).unwrap()) == {
        "PORT_1",
        "PORT_2",
        "PORT_3",
        "PORTWEAVE_NAMESPACE",
    }
    define(root)
    assert set(ports_sync(cwd=root, count=3).unwrap()) == {"web", "api"}
    error = error_of(ports_sync(cwd=tmp_path, count=101))
    assert (error.code, error.message) == (
        "PW0102",
        "count must be an integer in [1, 100], received 101",
    )


def test_without_a_definition_file_or_count_there_is_an_error(repo: Repo) -> None:
    (root,) = repo(0)
    below = root / "below"
    below.mkdir()
    # The search ends at the worktree's root.
    define(root.parent)
    error = error_of(ports_sync(cwd=below))
    assert error.code == "PW0701"
    assert error.message == (
        f"no portweave.config.json found by walking up from {below},"
        " and no { count } option was provided"
    )
    assert "count=N" in error.hints[-1]


def test_a_config_path_is_relative_to_cwd(repo: Repo) -> None:
    (root,) = repo(0)
    below = root / "below"
    below.mkdir()
    (below / "other.json").write_text(json.dumps({"services": {"x": {"envVar": "X"}}}))
    define(root)
    assert set(ports_sync(cwd=root, config_path="below/other.json").unwrap()) == {"x"}
    assert set(ports_sync(cwd=below, config_path=Path("other.json")).unwrap()) == {"x"}
    assert set(ports_sync(cwd="/", config_path=below / "other.json").unwrap()) == {"x"}
    error = error_of(ports_sync(cwd=root, config_path="none.json", count=2))
    assert isinstance(error, DefinitionsMissingError)
    assert error.code == "PW0101"


def test_cwd_is_the_process_s_own_unless_given(
    repo: Repo, pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    (root,) = repo(0)
    define(root)
    (root / "below").mkdir()
    monkeypatch.chdir(root / "below")
    assert ports_sync() == ports_sync(cwd="..") == Ok({"web": pool.start, "api": pool.start + 1})
    monkeypatch.chdir("/")
    assert ports_sync(cwd=root).ok


def test_a_deleted_working_directory_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    assert error_of(ports_sync()).code == "PW0601"
    assert error_of(namespace_sync()).code == "PW0601"


def test_a_namespace_needs_neither_files_nor_lock(
    repo: Repo, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    main, linked = repo(1)
    assert namespace_sync(cwd=main) == Ok("main")
    assert namespace_sync(cwd=linked).unwrap().startswith("shop-1-")
    monkeypatch.setenv("PORTWEAVE_NAMESPACE", "My Own")
    assert namespace_sync(cwd=main, config_path="nothing.json", count=-1) == Ok("my-own")
    assert not (home / "config").exists()
    assert not (main / ".portweave").exists()


def test_outside_git_the_definition_file_s_folder_sets_the_namespace(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    define(tmp_path)
    below = tmp_path / "below"
    below.mkdir()
    # Variables that an outer portweave injects belong to the root of their allocation.
    monkeypatch.setenv("PORTWEAVE_WORKTREE", str(tmp_path))
    monkeypatch.setenv("PORTWEAVE_NAMESPACE", "mine")
    expected = allocation_sync(cwd=below).unwrap()
    assert expected.key.worktree_root == str(tmp_path)
    assert namespace_sync(cwd=below) == Ok(expected.namespace) == Ok("mine")
    assert namespace_sync(cwd="/", config_path=tmp_path / "portweave.config.json") == Ok("mine")
    monkeypatch.setenv("PORTWEAVE_WORKTREE", "/elsewhere")
    assert namespace_sync(cwd=below) == Ok("main")


def test_a_damaged_registry_is_an_error_not_an_exception(repo: Repo, home: Path) -> None:
    (root,) = repo(0)
    define(root)
    folder = home / "config" / "portweave"
    folder.mkdir(parents=True)
    (folder / "registry.json").write_text("{")
    assert error_of(ports_sync(cwd=root)).code == "PW0302"


def test_what_the_user_should_know_is_logged(
    repo: Repo, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    (root,) = repo(0)
    define(root)
    monkeypatch.setenv("PORTWEAVE_POOL_RANGE", "nonsense")
    with caplog.at_level(logging.WARNING, "portweave.runtime"):
        assert ports_sync(cwd=root).ok
    assert [record.name for record in caplog.records] == ["portweave.runtime"]
    assert 'PORTWEAVE_POOL_RANGE="nonsense" ignored' in caplog.text


def test_the_asynchronous_ones_answer_alike(repo: Repo) -> None:
    (root,) = repo(0)
    define(root)

    async def ask() -> None:
        assert await runtime.ports(cwd=root) == ports_sync(cwd=root)
        assert await runtime.env(cwd=root) == env_sync(cwd=root)
        assert await runtime.namespace(cwd=root) == Ok("main")
        assert (await runtime.allocation(cwd=root)).unwrap().ports == ports_sync(cwd=root).value
        assert error_of(await runtime.ports(cwd="/")).code == "PW0701"

    asyncio.run(ask())


def test_many_at_once_on_a_new_worktree_agree(repo: Repo, home: Path) -> None:
    roots = repo(3)
    for root in roots:
        define(root)

    async def ask() -> list[Result[dict[str, int]]]:
        return await asyncio.gather(*(runtime.ports(cwd=root) for _ in range(8) for root in roots))

    answers = [answer.unwrap() for answer in asyncio.run(ask())]
    by_root = [answers[index :: len(roots)] for index in range(len(roots))]
    assert all(answer == same[0] for same in by_root for answer in same)
    assert len({port for same in by_root for port in same[0].values()}) == 2 * len(roots)
    assert len(entries(home)) == len(roots)
    assert [path.name for path in (roots[0] / ".portweave").glob("*.tmp.*")] == []


class HeldRegistry:
    """Holds the registry's lock until it is released."""

    def __init__(self, home: Path) -> None:
        folder = home / "config" / "portweave"
        folder.mkdir(parents=True, exist_ok=True)
        self._file = (folder / "registry.json.lock").open("w")
        fcntl.flock(self._file, fcntl.LOCK_EX)

    def let_go(self) -> None:
        self._file.close()


def test_the_loop_goes_on_while_they_wait(
    repo: Repo, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (root,) = repo(0)
    define(root)
    monkeypatch.setenv("PORTWEAVE_LOCK_TIMEOUT_MS", "15000")
    lock = HeldRegistry(home)

    async def ask() -> Result[dict[str, int]]:
        waiting = asyncio.create_task(runtime.ports(cwd=root))
        for _ in range(200):
            await asyncio.sleep(0.001)
        assert not waiting.done()
        lock.let_go()
        return await waiting

    assert set(asyncio.run(ask()).unwrap()) == {"web", "api"}


def test_a_cancelled_caller_does_not_wait(
    repo: Repo, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (root,) = repo(0)
    define(root)
    monkeypatch.setenv("PORTWEAVE_LOCK_TIMEOUT_MS", "15000")
    lock = HeldRegistry(home)
    calls: list[Callable[..., Awaitable[object]]] = [runtime.ports, runtime.env, runtime.allocation]

    async def ask() -> None:
        for call in calls:
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.2):
                    await call(cwd=root)
            with anyio.move_on_after(0.2) as scope:
                await call(cwd=root)
            assert scope.cancelled_caught
        lock.let_go()

    asyncio.run(ask())
    # The work in threads is complete: they end by themselves.
    for thread in threading.enumerate():
        if thread is not threading.current_thread() and not thread.daemon:
            thread.join(10)
    assert set(ports_sync(cwd=root).unwrap()) == {"web", "api"}


def test_a_settings_module_has_ports_without_any_loop(cli: Cli, repo: Repo, pool: Pool) -> None:
    (root,) = repo(0)
    define(root)
    (root / "settings.py").write_text(
        "from portweave.runtime import ports_sync\nAPI = ports_sync().unwrap()['api']\n"
    )
    # The same beside a service that `run` started, with inherited variables.
    code = "import sys; sys.path.insert(0, '.'); import settings; print(settings.API)"
    done = cli("run", "--", sys.executable, "-c", code, cwd=root)
    assert done.stdout == f"{pool.start + 1}\n", done.stderr
