"""`portweave ask`: call a service of a stack, or its supervisor."""

import os
import sys

from portweave import errors
from portweave.arguments.args import (
    Args,
    Operands,
    Option,
)
from portweave.client.client import (
    PATIENCE_S,
    Client,
    find_stack,
)
from portweave.client.verb_queries import rows_of
from portweave.encoding.json_text import (
    compact,
    is_list,
    is_object,
    loads,
    pretty,
)
from portweave.encoding.terminal_escapes import write_data
from portweave.errors import (
    ClusterError,
    ConnectionNotFound,
    NoStackError,
    OtherProtocolError,
    RemoteError,
    SupervisorError,
    UsageError,
)
from portweave.supervisor.registry.stack_records import PROTOCOL

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from portweave.supervisor.registry.stack_records import StackRecord

OPTIONS = (
    Option("--timeout", metavar="SECONDS", about="how long the answer may take (30)"),
    Option("--stack", metavar="[PROJECT/]NAMESPACE", values="stacks", about="of another worktree"),
)
USAGE = "[options] ADDRESS [VALUE …]"
OPERANDS = Operands("addresses")
HELP = """
Call a service and print its answer: `portweave ask api/users/7`. The service must have joined the
stack, by portweave.cluster.connect or by the JSON lines that docs/calls.md describes. `web` takes
the instances in turn, `web.2` is one instance. portweave itself answers `supervisor/ps` and the
like. Without a stack, and with PORTWEAVE_HUB, the call goes to that bus: `@main/api/users/7`.

A VALUE is JSON, or else a text. ask prints each value of the answer on a line: a text as it is, all
else as JSON.

Exit status: 0; 124 without an answer in time; 66 for a path without a route; 68 for an unknown
name; 69 if the service died, or cannot come; 75 if it is overloaded; 64 for an invalid address; 65
for values that are too large or not JSON; 1 if the handler failed, and for all else.
"""
_DEFAULT_TIMEOUT_S = 30.0
# The hub answers when the time is up. If it is this much later, it counts as dead.
_GRACE_S = 5.0
# A ready program that joins does so within this time.
_JOINS_S = 2.0


def run(args: Args) -> int:
    """Call the service, and print its answer."""
    if not args.operands:
        raise UsageError("ask needs an address", hint="as in: portweave ask supervisor/ps")
    address, *texts = args.operands + (args.rest or [])
    timeout_s = _seconds(args.text("timeout"))
    try:
        record = find_stack(args, os.environ)
    except NoStackError:
        if args.text("stack") is not None or not os.environ.get("PORTWEAVE_HUB"):
            raise
        _print(_values_by_bus(address, texts, timeout_s, verbose=args.flag("verbose")), args)
        return 0
    if record.protocol != PROTOCOL:
        raise OtherProtocolError(record.namespace, record.version)
    given = args.text("timeout") is not None
    client = Client(record, timeout_s if given else PATIENCE_S)
    try:
        asked = client.send(
            # The slash marks an address. Without it, this would be a method of the hub.
            f"/{address.lstrip('/')}",
            *(_value(text) for text in texts),
            meta={"timeout_ms": int(timeout_s * 1000)},
        )
        if timeout_s > _JOINS_S and not client.has_news(_JOINS_S):
            _refuse_unjoined(record, address.lstrip("/").partition("/")[0])
        message = client.reply(asked, timeout_s + _GRACE_S)
    finally:
        client.close()
    error, values = message.get("error"), message.get("result")
    if is_object(error):
        raise _error(error, verbose=args.flag("verbose"))
    _print(values if is_list(values) else [], args)
    return 0


def _print(values: "Sequence[object]", args: Args) -> None:
    if args.flag("json"):
        sys.stdout.write(pretty({"schemaVersion": 1, "values": list(values)}) + "\n")
        return
    for value in values:
        write_data(f"{value if isinstance(value, str) else compact(value)}\n")


def _values_by_bus(
    address: str, texts: list[str], timeout_s: float, *, verbose: bool
) -> "Sequence[object]":
    """Call a service on the bus that `PORTWEAVE_HUB` names, and return the values of its answer.

    Args:
        address: The address.
        texts: The values, as in the command.
        timeout_s: How long the answer may take.
        verbose: Whether to tell the traceback of a handler that failed.

    Raises:
        ClusterError: The bus cannot be joined, or the call fails.
    """
    from portweave.calls.connection import Connection
    from portweave.calls.joining import join_blocking, join_bus
    from portweave.cluster.join import bus_of

    settings = bus_of(os.environ)
    assert settings is not None
    with join_blocking(join_bus(settings, Connection())) as bus:
        try:
            return bus.request_many(address, *map(_value, texts), timeout=timeout_s)
        except RemoteError as error:
            message = f"{error.type}: {error.message}"
            if verbose and error.traceback:
                message += f"\n{error.traceback.rstrip()}"
            raise RemoteError(
                message,
                connection=error.connection,
                status=error.status,
                type=error.type,
                fields=error.fields,
            ) from None


def _refuse_unjoined(record: "StackRecord", name: str) -> None:
    """Check that a service without an answer has joined, or may still join.

    Raises:
        ConnectionNotFound: The service is ready, but its program takes no calls.
    """
    client = Client(record)
    try:
        answer = client.call("/supervisor/joined", [name])
    except SupervisorError:
        # There is no such service, or the supervisor is of a version without this method.
        return
    finally:
        client.close()
    rows = rows_of(answer)
    if any(row.get("joined") or row.get("state") != "ready" for row in rows):
        return
    url = next((str(row["url"]) for row in rows if row.get("url")), "")
    raise ConnectionNotFound(
        f"{name} is ready, but its program has not joined the stack, so it takes no calls",
        hint=(
            *((f"it is reached over HTTP at {url}",) if url else ()),
            "a program joins by portweave.cluster.connect; docs/calls.md describes other languages",
        ),
        connection=name,
    )


def _seconds(text: str | None) -> float:
    if text is None:
        return _DEFAULT_TIMEOUT_S
    from portweave.cli.option_values import seconds_of

    return seconds_of(text)


def _value(text: str) -> object:
    try:
        return loads(text)
    except ValueError:
        return text


def _error(error: "Mapping[str, object]", *, verbose: bool) -> ClusterError:
    data = error.get("data")
    data = data if is_object(data) else {}
    fields, status, connection = data.get("fields"), data.get("status"), data.get("connection")
    # JSON-RPC 2.0, section 5.1: there is no such method.
    name = str(data.get("type", "RouteNotFound" if error.get("code") == -32601 else ""))
    found: object = getattr(errors, name, None)
    known = isinstance(found, type) and issubclass(found, ClusterError)
    kind = found if isinstance(found, type) and issubclass(found, ClusterError) else RemoteError
    message = str(error.get("message", ""))
    traceback = data.get("traceback")
    if verbose and isinstance(traceback, str):
        message += f"\n{traceback.rstrip()}"
    return kind(
        message if known else f"{name}: {message}" if name else message,
        connection=connection if isinstance(connection, str) else None,
        status=status if isinstance(status, int) else None,
        type=name,
        fields=fields if is_object(fields) else {},
    )
