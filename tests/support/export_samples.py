"""Units and stacks for tests of exports; every field has a value."""

from portweave.encoding.value import replace
from portweave.exports.model import Stack, Unit, VariableFile
from portweave.supervisor.services.plan import (
    ReadyPlan,
    RestartPolicy,
    When,
)

ENV_FILE = VariableFile("/code/shop/.env", required=False)


def unit(name: str = "web", /, **changes: object) -> Unit:
    """Build a plain instance."""
    service, _, number = name.partition(".")
    plain = Unit(
        name=name,
        service=service,
        number=int(number or 1),
        argv=("/bin/sh", "-c", "exec serve --port $PORT"),
        folder="/code/shop",
        port=30001,
        needs=(),
        ready=ReadyPlan(),
        restart=RestartPolicy(When.ON_FAILURE, 10),
        oneshot=False,
        tty=False,
        stop_signal="SIGTERM",
        stop_grace_s=10.0,
        defaults={"WEB_PORT": "30001"},
        settled={"HOST": "127.0.0.1", "PORT": "30001"},
        passed=(),
        files=(),
        in_files=frozenset(),
        image=f"shop-{service}",
    )
    return replace(plain, **changes)


def stack(*units: Unit, **changes: object) -> Stack:
    """Build a stack of plain instances."""
    plain = Stack(
        project="shop", namespace="main", root="/code/shop", place="/code/shop", units=units
    )
    return replace(plain, **changes)
