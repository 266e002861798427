"""What a supervisor is asked to do, as it is handed from one process to the other."""

from collections.abc import Mapping
from dataclasses import field

from portweave.encoding.value import value
from portweave.supervisor.services.plan import StackPlan
from portweave.supervisor.services.terminal_policy import TerminalPolicy

DEFAULT_TERMINAL_POLICY = TerminalPolicy()


@value
class RouteSettings:
    """How the names of a stack are registered.

    Attributes:
        folder: Of the routes and the proxy.
        owner: Pid of the process whose end takes the names away.
        port: Where the services are told that the proxy listens.
        scheme: What they are told that it speaks: `http` or `https`.
    """

    folder: str
    owner: int
    port: int
    scheme: str = "http"


@value
class Options:
    """How a stack is run.

    Attributes:
        abort_on_exit: Whether the end of one service ends all.
        exit_code_from: The instance whose exit status becomes ours; its end ends all.
        colour: Whether the colours of services are shown.
        coloured_names: Whether the names before their lines are coloured.
        verbose: Whether more is told.
        banner: Shown before anything is started.
        tag: What the marks of the stack's processes begin with.
        journal: Path of the file in which starts and ends are noted, for those who come after us;
            None for nowhere.
        logs: The folder in which all that services print is kept; None for nowhere.
        guardian: Pid of the process whose end ends the stack; None where there is none.
        terminal_policy: What services may expect of who reads.
        socket: Path of the control socket; empty for none.
        detached: Whether the stack goes on until it is told to end, whatever becomes of its
            services.
        version: Portweave's, told to clients.
        naming: How its names are registered; None where it has none.
    """

    abort_on_exit: bool = False
    exit_code_from: str | None = None
    colour: bool = True
    coloured_names: bool = False
    verbose: bool = False
    banner: str = ""
    tag: str = ""
    journal: str | None = None
    logs: str | None = None
    guardian: int | None = None
    terminal_policy: TerminalPolicy = DEFAULT_TERMINAL_POLICY
    socket: str = ""
    detached: bool = False
    version: str = ""
    naming: RouteSettings | None = None


@value
class WorkOrder:
    """A stack to run.

    Attributes:
        plan: What to run.
        options: How.
        began_s: When the command began, on the monotonic clock.
        origin: What the plan was made from, so that it can be made anew: a JSON object.
    """

    plan: StackPlan
    options: Options
    began_s: float
    origin: Mapping[str, object] = field(default_factory=dict[str, object])
