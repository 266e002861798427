"""Which services have a name in a URL."""

import pytest

from portweave.planning.url_names import Names
from portweave.planning.web_services import why_no_link
from portweave.procfiles.model import Origin, Ready, Service

HERE = Origin("/code/shop/portweave.yaml")
NAMES = Names("shop", "shop.localhost", 1355)


def service(
    command: str = "serve",
    ready: Ready | None = None,
    hostname: str | bool | None = None,
    **more: str,
) -> Service:
    framework = more.get("framework", True)
    return Service(
        "db",
        HERE,
        command=command,
        env_var="DB_PORT",
        ready=ready,
        hostname=hostname,
        framework=framework,
    )


@pytest.mark.parametrize(
    ("it", "why"),
    [
        (service(), None),
        (service(ready=Ready(http="/")), None),
        (service(ready=Ready(http="/", tcp=True)), None),
        (service(ready=Ready(tcp=True, log="up")), None),
        (service(ready=Ready(tcp=True, notify=True)), None),
        (service(ready=Ready(tcp=True)), "its only probe is tcp"),
        (service(ready=Ready(tcp=5432, exec="true")), "its only probe is tcp"),
        (service(ready=Ready(exec=("pg_isready",))), "its only probe is exec"),
        (service("redis-server"), "it runs redis-server, which does not speak HTTP"),
        (service("redis-server", Ready(http="/")), "it runs redis-server"),
        (service("redis-server", hostname="cache"), None),
        (service(ready=Ready(tcp=True), framework="vite"), None),
    ],
)
def test_a_service_that_does_not_speak_http_has_no_name(it: Service, why: str | None) -> None:
    found = why_no_link(it)
    assert (found or "").startswith(why or "")
    assert (found is None) == (why is None)
    assert (NAMES.url(it, 1) is None) == (why is not None)
