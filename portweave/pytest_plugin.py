"""The pytest plugin: a block of ports for each test session and each pytest-xdist worker.

    def test_health(portweave_ports, portweave_env):
        serve(portweave_ports["api"], env={**os.environ, **portweave_env})

The ports are a lease, different from those of running stacks, other sessions and other workers.
They are released when the session or its process ends.

pytest imports this module wherever portweave is installed, so it imports nothing at the top.
"""

from collections.abc import Iterator, Mapping
from types import MappingProxyType

import pytest

TYPE_CHECKING = False
if TYPE_CHECKING:
    from portweave.leases import Lease

# A session that takes longer hangs.
_TTL_S = 24 * 3600.0


def pytest_addoption(parser: pytest.Parser) -> None:
    """Declare the options of the configuration file."""
    parser.addini(
        "portweave_config",
        "the definition file for portweave_ports, relative to rootdir; by default the worktree's",
    )
    parser.addini(
        "portweave_count",
        "how many ports (port-1, port-2, …) to have without a definition file",
    )


@pytest.fixture(scope="session")
def portweave_ports(
    _portweave_block: tuple[dict[str, int], dict[str, str]],
) -> Mapping[str, int]:
    """Return this session's port for each instance in the definition file: `web`, `web.2`.

    Without a definition file there are `portweave_count` ports, `port-1` and so on. Without either,
    or without a free block, the tests that use the fixture fail with the error's code.
    """
    return MappingProxyType(_portweave_block[0])


@pytest.fixture(scope="session")
def portweave_env(
    _portweave_block: tuple[dict[str, int], dict[str, str]],
) -> Mapping[str, str]:
    """Return each `envVar` and `discoveryEnv` of the definition file, with this session's ports.

    `PORTWEAVE_NAMESPACE`, the worktree's namespace, is among them. The session's own environment
    stays unchanged.
    """
    return MappingProxyType(_portweave_block[1])


@pytest.fixture(scope="session")
def _portweave_block(
    pytestconfig: pytest.Config,
) -> Iterator[tuple[dict[str, int], dict[str, str]]]:
    from contextlib import suppress

    from portweave.errors import PortweaveError
    from portweave.leases import release

    try:
        lease, ports, env = _take(pytestconfig)
    except PortweaveError as error:
        lines = [f"portweave_ports: {error.message} ({error.code})", *error.hints]
        if error.code == "PW0701":
            lines[-1] = "set portweave_count = N in pytest's configuration for N ports without one"
        raise pytest.fail.Exception("\n".join(lines), pytrace=False) from None
    yield ports, env
    if lease is not None:
        # If this fails, the end of this process releases them.
        with suppress(PortweaveError):
            release(lease.id)


def _take(config: pytest.Config) -> "tuple[Lease | None, dict[str, int], dict[str, str]]":
    from portweave.allocator.ports.model import Entry
    from portweave.leases import take_lease
    from portweave.runtime import find_services

    project = find_services(
        str(config.rootpath),
        config.getini("portweave_config") or None,
        _count(config.getini("portweave_count")),
    )
    names = project.names
    lease = take_lease(len(names), _TTL_S) if names else None
    ports = dict(zip(names, lease.ports if lease else (), strict=True))
    entry = Entry(project.key, "", project.worktree.namespace, ports)
    return lease, ports, project.computed(entry)


def _count(text: str) -> int | None:
    if not text.strip():
        return None
    try:
        return int(text)
    except ValueError:
        raise pytest.UsageError(f"portweave_count must be a number, not {text!r}") from None
