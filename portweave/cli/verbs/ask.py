"""`portweave ask`: one call to a service of a stack, or to its supervisor."""

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
from portweave.encoding.json_read import loads
from portweave.encoding.json_write import (
    compact,
    is_list,
    is_object,
    pretty,
)
from portweave.encoding.terminal_escapes import write_data
from portweave.errors import (
    ClusterError,
    ConnectionNotFound,
    OtherProtocolError,
    RemoteError,
    SupervisorError,
    UsageError,
)
from portweave.supervisor.registry.stack_records import PROTOCOL

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from portweave.supervisor.registry.stack_records import StackRecord

OPTIONS = (
    Option("--timeout", metavar="SECONDS", about="how long the answer may take (30)"),
    Option("--stack", metavar="[PROJECT/]NAMESPACE", values="stacks", about="of another worktree"),
)
USAGE = "[options] ADDRESS [VALUE …]"
OPERANDS = Operands("addresses")
HELP = """
Ask a service, and print what it answers: `portweave ask api/users/7`. The service is one that has
joined (portweave.cluster.connect, or the JSON lines that docs/calls.md tells of). `web` takes the
instances in turn, `web.2` is that one. `supervisor/ps` and the like are answered by portweave.

A VALUE is JSON; what is not, is text. Texts are printed as they are, all else as JSON, a line for
each value.

Exit status: 0; 124 when there was no answer in time; 66 for a path that has no route; 68 for a name
that nobody has; 69 when the service died, or will not come; 75 when it has too much to do; 64 for
an address that cannot be read; 65 for what is too large or no JSON; 1 when the handler raised, and
for all else.
"""
_DEFAULT_TIMEOUT_S = 30.0
# The hub tells when the time is up. This much later it is taken for dead.
_GRACE_S = 5.0
# A program that is ready and joins does so within this time of a call.
_JOINS_S = 2.0


def run(args: Args) -> int:
    """Ask, and print the answer."""
    if not args.operands:
        raise UsageError("ask whom?", hint="as in: portweave ask supervisor/ps")
    address, *texts = args.operands + (args.rest or [])
    timeout_s = _seconds(args.text("timeout"))
    record = find_stack(args, os.environ)
    if record.protocol != PROTOCOL:
        raise OtherProtocolError(record.namespace, record.version)
    given = args.text("timeout") is not None
    client = Client(record, timeout_s if given else PATIENCE_S)
    try:
        asked = client.send(
            # A slash before it: an address is no method of the hub's own.
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
    values = values if is_list(values) else []
    if args.flag("json"):
        sys.stdout.write(pretty({"schemaVersion": 1, "values": values}) + "\n")
        return 0
    for value in values:
        write_data(f"{value if isinstance(value, str) else compact(value)}\n")
    return 0


def _refuse_unjoined(record: "StackRecord", name: str) -> None:
    """See that a service which does not answer has joined, or may still do so.

    Raises:
        ConnectionNotFound: It is ready, and its program takes no calls.
    """
    client = Client(record)
    try:
        answer = client.call("/supervisor/joined", [name])
    except SupervisorError:
        # It is no service, or the supervisor is of a version that does not tell.
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
            "portweave.cluster.connect has a program join; docs/calls.md tells of other languages",
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
