"""Pure. Errors of calls between services (PW12).

The names are those of the peers' protocol, where most have no `Error` at the end.
"""

from portweave.errors import PortweaveError


class ClusterError(PortweaveError):
    """A call failed in a way that has no code of its own.

    What to do: the message says how it failed.

    Args:
        message: What happened.
        connection: Name of the connection that failed; None where there is none.
        status: As of HTTP (RFC 9110, section 15): 4xx where the caller can do better, else 5xx.
            None for the status of the class.
        type: Name of the kind of error; empty for the name of the class.
        fields: Further JSON values of the error.
        hint: What to do.

    Attributes:
        status: As given.
        type: As given; if a handler raised it, the name of the class in the handler.
        fields: As given.
        connection: As given.
    """

    code = "PW1201"
    status = 500

    def __init__(
        self,
        message: str,
        *,
        connection: str | None = None,
        status: int | None = None,
        type: str = "",  # noqa: A002 (as JSON-RPC peers spell it)
        fields: "dict[str, object] | None" = None,
        hint: str | tuple[str, ...] = (),
    ) -> None:
        super().__init__(message, hint=hint, status=status or self.status)
        self.status = status or self.status
        self.type = type or self.__class__.__name__
        self.fields = fields or {}
        self.connection = connection

    def as_json(self) -> "dict[str, object]":
        """Return the fields of `PortweaveError.as_json`, with `type`, `connection`, `fields`."""
        told = {"type": self.type, "connection": self.connection, "fields": self.fields}
        return {**super().as_json(), **told}


class RouteNotFound(ClusterError):  # noqa: N818
    """The connection has no route for the path.

    What to do: look for it where the routes of the connection are declared.
    """

    code = "PW1202"
    status = 404
    exit_status = 66  # sysexits.h: EX_NOINPUT


class ConnectionNotFound(ClusterError):  # noqa: N818
    """No connection has the name that an address begins with, or that `to` gives.

    What to do: the message lists all connections; a service has to join.
    """

    code = "PW1203"
    status = 404
    exit_status = 68  # EX_NOHOST


class BadPath(ClusterError):  # noqa: N818
    """An address cannot be read.

    What to do: `%` stands for an escape, so write `%25`.
    """

    code = "PW1204"
    status = 400
    exit_status = 64  # EX_USAGE


class RemoteError(ClusterError):
    """The handler of a call has raised an exception.

    What to do: the message names its class; `ask --verbose` shows the traceback.

    Attributes:
        traceback: Text of the traceback; empty unless the other side is in development.
    """

    code = "PW1205"
    traceback = ""


class PeerDied(ClusterError):  # noqa: N818
    """The called service died, or does not join.

    What to do: `portweave ps` shows why.
    """

    code = "PW1206"
    status = 503
    exit_status = 69  # EX_UNAVAILABLE


class Overloaded(ClusterError):  # noqa: N818
    """More calls wait for a service than may wait.

    What to do: try again later, or scale the service.
    """

    code = "PW1207"
    status = 503
    exit_status = 75  # EX_TEMPFAIL


class RequestTimeout(ClusterError):  # noqa: N818
    """A call was not answered in time.

    What to do: set `timeout=…`, or use `ask --timeout`.
    """

    code = "PW1208"
    status = 504
    exit_status = 124


class MessageTooLarge(ClusterError):  # noqa: N818
    """A message is larger than the hub accepts.

    What to do: send less at once, or send where it lies; a cluster has `max_message`.
    """

    code = "PW1209"
    status = 413
    exit_status = 65  # EX_DATAERR


class NotSerializable(ClusterError):  # noqa: N818
    """JSON cannot hold an argument or an answer, or the other side cannot read it.

    What to do: the message names the type.
    """

    code = "PW1210"
    exit_status = 65


class NameTaken(ClusterError):  # noqa: N818
    """The name of a connection is not free, or its token is wrong.

    What to do: end the program that has joined under the name, or choose another name.
    """

    code = "PW1211"
    status = 409


class Cancelled(ClusterError):  # noqa: N818
    """The caller cancelled the call."""

    code = "PW1212"
    status = 499


class ConfigError(ClusterError):
    """An option or a name of a cluster, or of a connection, cannot be used.

    What to do: the message says what is wrong.
    """

    code = "PW1213"


class HubUnreachable(ClusterError):  # noqa: N818
    """There is no hub to join.

    What to do: `portweave up -d` starts the worktree's stack; or name a stack or a socket.
    """

    code = "PW1214"
    status = 503
    exit_status = 69


class BusUnreachable(ClusterError):  # noqa: N818
    """The bus of a stack is not connected; it is tried again, and all else works.

    What to do: start the NATS server that `calls` or `PORTWEAVE_HUB` names, or correct its URL.
    """

    code = "PW1215"
    status = 503
    exit_status = 69
