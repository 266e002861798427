"""`portweave up`: run the stack of this worktree."""

import gc
import os
import sys
import time

from portweave import errors
from portweave.arguments.args import (
    Args,
    Operands,
    Option,
)
from portweave.cli.lifetime_options import lifetime_options, terms_of
from portweave.cli.option_values import request_of, run_options_of
from portweave.client.stack_ended import StackEndedError
from portweave.client.waiting import QUIET, waiting
from portweave.encoding.terminal_escapes import write_rendered
from portweave.system.interrupts import at_end, clear_at_end

TYPE_CHECKING = False
if TYPE_CHECKING:
    from portweave.client.stack_start import StackStart
    from portweave.supervisor.services.lifetime import Terms
    from portweave.supervisor.start import DetachedGuardian

_SERVICES = "Which services start"
_WAITING = "How long to wait"
_RESTARTS = "What is restarted"
_END = "When the stack ends"
OPTIONS = (
    Option("-d", "--detach", about="return when all are ready; the stack goes on"),
    Option(
        "--timeout",
        metavar="SECONDS",
        about="how long a service, and with -d all, may take to be ready (60)",
        group=_WAITING,
    ),
    Option(
        "--restart",
        metavar="POLICY",
        values=("no", "on-failure", "always"),
        about="no, on-failure[:N] or always, for all services",
        group=_RESTARTS,
    ),
    Option(
        "--scale",
        metavar="NAME=N",
        many=True,
        values="counts",
        about="run N instances of a service",
        group=_SERVICES,
    ),
    Option(
        "--profile",
        metavar="NAME",
        many=True,
        values="profiles",
        about="start the services of a profile too",
        group=_SERVICES,
    ),
    Option("--no-deps", about="do not start what the named services depend on", group=_SERVICES),
    Option("--watch", about="restart a service when a file of its folder changes", group=_RESTARTS),
    Option("--skip-hooks", about="do not run the hooks of the definitions", group=_SERVICES),
    Option("--no-proxy", about="no names, and no proxy for them"),
    Option("--abort-on-exit", about="stop all when one service ends", group=_END),
    Option(
        "--exit-code-from",
        metavar="SERVICE",
        values="services",
        about="exit as this service does, when one ends",
        group=_END,
    ),
    *lifetime_options(_END),
    Option(
        "--fail-fast",
        about="with -d: return as soon as a service cannot become ready",
        group=_WAITING,
    ),
    QUIET,
    Option("--dry-run", about="say what would start: order, commands, variables"),
)
USAGE = "[options] [SERVICE …]"
OPERANDS = Operands("services", many=True)
HELP = """
Start the services of this worktree, or the named services and their dependencies, and show their
output. Ctrl-C stops them all, dependents first. A second Ctrl-C kills them.

With -d the stack continues without a terminal, until portweave down. The command returns when each
service is ready or cannot become ready; with --fail-fast, when the first cannot. The others
continue to start. --timeout limits the whole wait. After it, the exit status is 124, and up names
the services that are not ready; they continue to start, and portweave wait waits for them. Without
--timeout, services may take as long as their definitions allow, one after the other.

With -d, --owner PID ends the stack 30 s after that process. --owner auto means the program that
runs portweave, such as a coding agent. --ttl ends the stack after a time, and --idle when it was
not used for a time. portweave keep changes them. Without them it goes on until portweave down.

If the stack runs already, up starts missing services and follows the stack. Ctrl-C then only ends
the following. The stack gets the owner of this up besides its own. An up without an owner takes it
over from its owners, unless one of these runs it.

Each service finds its port in PORT, the ports of the others in their variables, and its URL in
PORTWEAVE_URL: http://NAME.PROJECT.localhost:1355, in a linked worktree
http://NAME.WORKTREE.PROJECT.localhost:1355. The first stack starts the proxy for these URLs, which
ends 30 s after the last stack. With --no-proxy, or PORTWEAVE_PROXY=0 in the environment, there is
no proxy, and the URL is http://127.0.0.1:PORT. With PORTWEAVE_TLS=1 the proxy speaks HTTPS, and the
URLs begin with https. Services find its CA in NODE_EXTRA_CA_CERTS, SSL_CERT_FILE, CURL_CA_BUNDLE,
REQUESTS_CA_BUNDLE and AWS_CA_BUNDLE.

While up waits, the last line of the terminal shows for what. With --quiet, up
shows the output of services, and of its own messages only errors.

Exit status: 0 if all services ended well, 1 if a service failed for good, 130 after Ctrl-C, 143
after SIGTERM; with --exit-code-from the exit status of that service.
"""


def run(args: Args) -> int:
    """Run the stack until it ends, or detached, or attach to the one that runs."""
    began_s = time.monotonic()
    # Objects of modules stay until the end: looking for garbage among them only takes time.
    gc.disable()
    if args.rest:
        raise errors.UsageError(
            "up takes names of services, not a command",
            hint="portweave run -- COMMAND runs a command",
        )
    if args.flag("quiet"):
        from portweave.client.verb_queries import be_quiet

        be_quiet()
    if args.flag("dry_run"):
        from portweave.cli.dry_run import show_dry_run

        request = request_of(args, os.environ)
        show_dry_run(request, as_json=args.flag("json"), no_color=args.flag("no_color"))
        return 0
    if args.flag("fail_fast") and not args.flag("detach"):
        raise errors.UsageError(
            "--fail-fast needs --detach",
            hint="--abort-on-exit stops a stack in the foreground when one service ends",
        )
    for option in ("owner", "ttl", "idle"):
        if args.flag(option) and not args.flag("detach"):
            raise errors.UsageError(
                f"--{option} needs --detach: a stack in the foreground ends with its command",
                hint="portweave up -d starts one that goes on",
            )
    start = _run_detached if args.flag("detach") else _run_attached
    while True:
        try:
            return start(args, began_s)
        except StackEndedError:
            # The stack that the command was about to join has ended: start it anew.
            continue


def _run_attached(args: Args, began_s: float) -> int:
    from portweave.client.attached_stack import run_attached

    return run_attached(lambda: _stack_of(args), began_s, waiting(args))


def _run_detached(args: Args, began_s: float) -> int:
    from portweave.supervisor.start import DetachedGuardian
    from portweave.system.clean_environment import MARKS

    for option in ("abort_on_exit", "exit_code_from"):
        if args.flag(option):
            flag = option.replace("_", "-")
            raise errors.UsageError(f"--{flag} needs a stack in the foreground, not --detach")
    clean = {name: value for name, value in os.environ.items() if name not in MARKS}
    guardian = DetachedGuardian(clean)
    at_end(guardian.dismiss)
    with waiting(args):
        rows = _start_detached(args, guardian, began_s)
    if args.flag("json"):
        from portweave.encoding.json_text import pretty

        print(pretty({"schemaVersion": 1, "services": rows}))
    return 0


def _start_detached(
    args: Args, guardian: "DetachedGuardian", began_s: float
) -> "list[dict[str, object]]":
    """Have a guardian run the stack, or dismiss it; return rows when the services are ready."""
    try:
        terms = terms_of(args)
        stack = _stack_of(args, terms)
        lock = stack.lock()
        if lock is not None:
            with lock:
                order = stack.work_order(lock, guardian.pid, began_s)
                if not args.flag("quiet"):
                    write_rendered(stack.banner(), sys.stderr)
                    sys.stderr.flush()
                proxy = stack.proxy_command()
                # From here on the guardian cleans up.
                clear_at_end()
                guardian.start(order, stack.folder, stack.key, stack.tag, lock, proxy)
    except BaseException:
        guardian.dismiss()
        raise
    if lock is None:
        guardian.dismiss()
        return stack.join()
    rows = stack.await_ready()
    if not terms.is_forever:
        from portweave.client.verb_queries import say
        from portweave.supervisor.services.lifetime import begin, told_end

        say(f"the stack {told_end(begin(terms, 0.0), 0.0)}")
    return rows


def _stack_of(args: Args, terms: "Terms | None" = None) -> "StackStart":
    # Imported here, after the fork: it takes as long as the plan.
    from portweave.client.stack_start import StackStart

    return StackStart(request_of(args, os.environ), run_options_of(args, terms))
