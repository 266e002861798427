"""Plan which bus a stack joins: that of the environment, or the definition's."""

from collections.abc import Mapping

from portweave.calls.bus_address import Place, checked_place
from portweave.calls.bus_settings import (
    CREDENTIALS,
    REALM,
    environment_name,
    read_environment,
    read_urls,
)
from portweave.procfiles.model import Bus
from portweave.supervisor.services.plan import BusPlan
from portweave.system.machine_id import machine_id


def bus_plan(
    said: Bus | None, project: str, namespace: str, environ: Mapping[str, str]
) -> BusPlan | None:
    """The bus of a stack; None if neither the environment nor the definition names one.

    Args:
        said: The definition's `calls`; None if it has none.
        project: The project's name.
        namespace: The worktree's namespace.
        environ: The environment.

    Raises:
        ConfigError: A variable cannot be used.
    """
    place = checked_place(Place(environ.get(REALM) or machine_id(), project, namespace))
    env, credentials = environment_name(environ), environ.get(CREDENTIALS, "")
    found = read_environment(environ, place.realm, place)
    if found is not None:
        return BusPlan(found.urls, place.realm, project, namespace, credentials, env=env)
    if said is None:
        return None
    return BusPlan(
        read_urls(said.url),
        place.realm,
        project,
        namespace,
        credentials=said.credentials or credentials,
        ca=said.ca,
        cert=said.cert,
        key=said.key,
        env=env,
    )
