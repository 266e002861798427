"""Fixtures for tests of the proxy: proxies in threads, and services behind them."""

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from portweave.supervisor.proxy.http.upstream_status import StackStatus
from portweave.system.fast_loop import FastLoop
from tests.support.https_proxies import Secure
from tests.support.proxies import (
    Proxy,
    Service,
    routes_to,
    services,
)


@pytest.fixture
def service() -> Iterator[Callable[..., Service]]:
    """Start services: `service(plain)`."""
    yield from services()


@pytest.fixture(params=[FastLoop, asyncio.SelectorEventLoop])
def proxy(request: pytest.FixtureRequest) -> Iterator[Callable[..., Proxy]]:
    """Start proxies: `proxy(a=service.port)` has the route a.localhost."""
    made: list[Proxy] = []

    def start(*, wildcard: bool = False, advice: StackStatus | None = None, **ports: int) -> Proxy:
        made.append(
            Proxy(routes_to(ports), wildcard=wildcard, advice=advice, make_loop=request.param)
        )
        return made[-1]

    yield start
    for one in made:
        one.close()


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a CA that all proxies share; creating its keys takes a while."""
    return tmp_path_factory.mktemp("authority")


@pytest.fixture
def tls_proxy(authority: Path) -> Iterator[Callable[..., Secure]]:
    """Start proxies with HTTPS: `tls_proxy(a=service.port)` has the route a.localhost."""
    made: list[Secure] = []

    def start(**ports: int) -> Secure:
        made.append(Secure(authority, routes_to(ports)))
        return made[-1]

    yield start
    for one in made:
        one.close()
