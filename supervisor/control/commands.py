"""All commands of the control socket, by name, such as `/supervisor/ps`.

`read_commands` has the commands that read, `act_commands` the commands that act. `attach` is about
terminals, and `name_queries` about names.
"""

from collections.abc import Awaitable, Callable

from portweave.supervisor.control.act_commands import ActCommands
from portweave.supervisor.control.attach import AttachCommands
from portweave.supervisor.control.instance_rows import InstanceRows
from portweave.supervisor.control.lifetime_commands import LifetimeCommands
from portweave.supervisor.control.name_queries import NameQueries
from portweave.supervisor.control.read_commands import ReadCommands
from portweave.supervisor.control.server import (
    NO_METHOD,
    RefusedError,
    Stream,
)
from portweave.supervisor.control.stack_host import Host
from portweave.supervisor.registry.stack_records import PROTOCOL

# Those of them that are a use of the stack. `apply` may be a dry run; `up` and `reload` tell more.
_USES = frozenset({"start", "stop", "restart", "kill", "attach", "type"})

Method = Callable[[list[object], Stream], Awaitable[list[object]]]


class Commands:
    """Carries out the requests of clients.

    Args:
        host: The stack.
    """

    def __init__(self, host: Host) -> None:
        self._version = host.version
        rows = InstanceRows(host)
        read, act = ReadCommands(host, rows), ActCommands(host, rows)
        terminals, names = AttachCommands(host.engine), NameQueries(host)
        lifetimes = LifetimeCommands(host)
        self._lifetime = host.lifetime
        self._methods: dict[str, Method] = {
            "ps": read.ps,
            "start": act.start,
            "stop": act.stop,
            "restart": act.restart,
            "kill": act.kill,
            "wait": read.wait,
            "waiting": read.waiting,
            "down": act.down,
            "events": read.events,
            "origin": read.origin,
            "environment": read.environment,
            "apply": act.apply,
            "bus": read.bus,
            "warnings": read.warnings,
            "why": read.why,
            "describe": read.describe,
            "at": names.at,
            "states": names.states,
            "names": names.names,
            "joined": read.joined,
            "attach": terminals.attach,
            "type": terminals.type,
            "resize": terminals.resize,
            "lifetime": lifetimes.lifetime,
            "join": lifetimes.join,
            "keep": lifetimes.keep,
            "used": lifetimes.used,
        }

    async def serve(self, address: str, params: list[object], stream: Stream) -> list[object]:
        """Carry out one request.

        Args:
            address: The method, such as `/supervisor/ps`.
            params: Its positional parameters.
            stream: Sends further values to the client before the answer.

        Returns:
            The values of the answer.

        Raises:
            RefusedError: There is no such method, or its parameters are wrong.
            PortweaveError: The command failed.
        """
        if address == "$/hello":
            return [{"protocol": PROTOCOL, "version": self._version}]
        service, _, name = address.removeprefix("/").partition("/")
        if service != "supervisor" or name not in self._methods:
            raise RefusedError(NO_METHOD, f"nothing answers {address}")
        if name in _USES:
            self._lifetime.note_use(name)
        return await self._methods[name](params, stream)
