"""`portweave proxy`: run the proxy, which serves names in place of ports."""

import os
import sys

from portweave.arguments.args import (
    Args,
    Operands,
    Option,
)
from portweave.errors import ProxyAccessError, ProxyRunningError, ProxySchemeError, UsageError

TYPE_CHECKING = False  # `typing` costs as much as the work
if TYPE_CHECKING:
    from portweave.allocator.names.route_store import RouteStore

OPTIONS = (
    Option(
        "-p", "--port", metavar="PORT", about="where to listen (else PORTWEAVE_PROXY_PORT, 1355)"
    ),
    Option("--state-dir", metavar="DIR", values="folders", about="the folder of the routes"),
    Option("--wildcard", about="a name without a route is for its longest parent's"),
    Option("--tls", about="speak HTTPS, with certificates of a CA of your own (PORTWEAVE_TLS=1)"),
    Option(
        "--any-user", about="serve other users of this machine too (PORTWEAVE_PROXY_ANY_USER=1)"
    ),
    Option("--for-stacks", about="end some time after the last stack of this machine"),
    Option("--linger", metavar="SECONDS", about="how long after the last stack (30)"),
)
USAGE = "start|stop|status|run [options]"
OPERANDS = Operands(("start", "stop", "status", "run"))
HELP = """
The proxy passes requests for http://NAME.localhost:1355 to the port of NAME's route. It listens
only on loopback addresses and needs no special rights.

start runs it in the background, stop ends it, run keeps it in the foreground until Ctrl-C. status
prints whether it runs, and exits 1 if it does not. There is one proxy for each state folder. It
follows changes of the routes there at once, by any program, portless included.

With --tls it speaks HTTPS on the same port, HTTP/2 and HTTP/1.1, and redirects plain requests.
Until `portweave trust`, browsers warn of its certificates. With PORTWEAVE_TLS=1 in the environment,
`portweave up` starts it so.

On Linux, where the kernel knows the user of a connection, it refuses other users of this machine
except root, and they learn no names. --any-user serves them, and so does a proxy that root starts.
With PORTWEAVE_PROXY_ANY_USER=1 in the environment, `portweave up` starts it so.
"""
_ACTIONS = ("start", "stop", "status", "run")
_LARGEST_PORT = 65535


def run(args: Args) -> int:
    """Start, stop or run the proxy, or print its status."""
    words = args.operands + (args.rest or [])
    if len(words) != 1 or words[0] not in _ACTIONS:
        raise UsageError(
            f"proxy does not know '{words[-1]}'" if words else "proxy start, stop, status or run?",
            hint=f"portweave proxy {USAGE}",
        )
    from portweave.supervisor.proxy.process.proxy_files import (
        make_folder,
        open_store,
        wanted_port,
    )

    store = open_store(args.text("state_dir"), os.environ)
    port = port_from(args.text("port"))
    linger_s: float | None = None
    if words[0] in ("run", "start"):
        port = wanted_port(os.environ) if port is None else port
        linger_s = _linger_from(args)
        make_folder(store)
    match words[0]:
        case "run":
            return _run(store, port, linger_s, args)
        case "start":
            return _start(store, port, args)
        case "stop":
            return _stop(store)
        case _:
            return _status(store, as_json=args.flag("json"))


def port_from(text: str | None) -> int | None:
    """Read the value of `--port`; None if it was not given.

    Raises:
        UsageError: It is not a port.
    """
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and len(text) < 6 and int(text) <= _LARGEST_PORT):
        raise UsageError(f"--port takes 0 to {_LARGEST_PORT}, received {text!r}")
    return int(text)


def _linger_from(args: Args) -> float | None:
    """Return how long the proxy outlives the last stack, in seconds; None without --for-stacks."""
    from portweave.cli.option_values import seconds_of
    from portweave.supervisor.proxy.process.command import LINGER_S

    linger_s = seconds_of(args.text("linger"), "--linger", LINGER_S)
    return linger_s if args.flag("for_stacks") else None


def _run(store: "RouteStore", port: int | None, linger_s: float | None, args: Args) -> int:
    from portweave.supervisor.proxy.process.serve import serve
    from portweave.supervisor.registry.stack_records import stacks_dir

    scheme = "https" if _wants_tls(args) else "http"

    def say(found: int) -> None:
        text = f"[portweave] the proxy listens on {scheme}://127.0.0.1:{found} (pid {os.getpid()})"
        print(text, file=sys.stderr, flush=True)

    serve(
        store,
        port,
        wildcard=args.flag("wildcard"),
        tls=_wants_tls(args),
        any_user=_wants_any_user(args),
        stacks=stacks_dir(os.environ),
        linger_s=linger_s,
        say=say,
    )
    return 0


def _start(store: "RouteStore", port: int | None, args: Args) -> int:
    from portweave.supervisor.proxy.process.command import words
    from portweave.supervisor.proxy.process.start_proxy import start

    is_secure, any_user = _wants_tls(args), _wants_any_user(args)
    if is_secure:
        # Opened here, so that the user sees its errors.
        from portweave.supervisor.proxy.process.proxy_files import state_folder
        from portweave.supervisor.proxy.tls.authority import open_authority

        open_authority(state_folder(store))
    command = words(
        port=None if port is None else str(port),
        state_dir=args.text("state_dir"),
        wildcard=args.flag("wildcard"),
        tls=is_secure,
        any_user=any_user,
        for_stacks=args.flag("for_stacks"),
        linger=args.text("linger"),
    )
    running, is_new = start(store, command, os.environ)
    if is_secure and running.scheme == "http":
        raise ProxySchemeError(store.dir, running.pid)
    if any_user and not running.any_user:
        raise ProxyAccessError(store.dir, running.pid)
    if port and running.port != port:
        raise ProxyRunningError(store.dir, running.pid, running.port)
    how = "listens" if is_new else "runs already, and listens"
    text = f"[portweave] the proxy {how} on {running.url('127.0.0.1')} (pid {running.pid})"
    print(text, file=sys.stderr)
    return 0


def _wants_tls(args: Args) -> bool:
    from portweave.supervisor.proxy.process.proxy_files import wants_tls

    return args.flag("tls") or wants_tls(os.environ)


def _wants_any_user(args: Args) -> bool:
    from portweave.supervisor.proxy.process.proxy_files import wants_any_user

    return args.flag("any_user") or wants_any_user(os.environ)


def _stop(store: "RouteStore") -> int:
    from portweave.supervisor.proxy.process.start_proxy import stop

    pid = stop(store)
    text = "no proxy runs" if pid is None else f"the proxy has ended (pid {pid})"
    print(f"[portweave] {text}", file=sys.stderr)
    return 0


def _status(store: "RouteStore", *, as_json: bool) -> int:
    from portweave.supervisor.proxy.process.proxy_files import find_proxy

    running = find_proxy(store)
    routes = len(store.load_routes())
    if as_json:
        from portweave.encoding.json_text import pretty

        fields = {
            "schemaVersion": 1,
            "running": running is not None,
            "pid": running and running.pid,
            "port": running and running.port,
            "tls": running is not None and running.scheme == "https",
            "anyUser": running is not None and running.any_user,
            "url": running and running.url("127.0.0.1"),
            "stateDir": store.dir,
            "routes": routes,
        }
        print(pretty(fields))
    elif running is None:
        print(f"no proxy runs ({routes} routes in {store.dir})")
    else:
        whose = "" if running.is_ours else f"; it is not portweave's: {running.command}"
        print(
            f"{running.url('127.0.0.1')} (pid {running.pid}, {routes} routes in {store.dir}{whose})"
        )
    return 0 if running is not None else 1
