"""The work order of a supervisor: a plan and options, which the command passes to it."""

from collections.abc import Mapping

from portweave.encoding.colours import PLAIN, Style
from portweave.encoding.value import field, value
from portweave.supervisor.services.lifetime import FOREVER, Terms
from portweave.supervisor.services.plan import StackPlan
from portweave.supervisor.services.terminal_policy import TerminalPolicy
from portweave.system.live_line import OFF

DEFAULT_TERMINAL_POLICY = TerminalPolicy()


@value
class RouteSettings:
    """How the names of a stack are registered.

    Attributes:
        folder: The folder of the routes and the proxy.
        owner: Pid of a process. The names are removed when it ends.
        port: The port of the proxy, as services are told it.
        scheme: `http` or `https`, as services are told it.
    """

    folder: str
    owner: int
    port: int
    scheme: str = "http"


@value
class Options:
    """How to run a stack.

    Attributes:
        abort_on_exit: Whether the end of one service stops all.
        exit_code_from: The instance whose exit status the stack gets. Its end stops all.
        colour: Whether the colours of services are shown.
        style: How portweave's own output looks.
        verbose: Whether more is reported.
        banner: Printed before the first start, as `text_style.render` makes it.
        tag: The prefix of the tags of all processes of the stack.
        journal: Path of the journal of started processes; None for none.
        logs: The folder for the output of services; None for none.
        guardian: Pid of the guardian, whose end stops the stack; None for none.
        terminal_policy: Whether services get terminals and colours.
        socket: Path of the control socket; empty for none.
        detached: Whether the stack goes on when all its services have ended.
        version: Portweave's, for clients.
        quiet: Whether portweave reports errors alone.
        waiting: How the view shows what is waited for (`LIVE`, `PLAIN` or `OFF` of `live_line`).
        naming: How its names are registered; None for no names.
        terms: What ends the stack without a command.
    """

    abort_on_exit: bool = False
    exit_code_from: str | None = None
    colour: bool = True
    style: Style = PLAIN
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
    quiet: bool = False
    waiting: str = OFF
    naming: RouteSettings | None = None
    terms: Terms = FOREVER


@value
class WorkOrder:
    """A stack to run.

    Attributes:
        plan: What to run.
        options: How to run it.
        began_s: When the command began, on the monotonic clock.
        origin: What the plan was made from, as a JSON object. A new plan can be made from it.
    """

    plan: StackPlan
    options: Options
    began_s: float
    origin: Mapping[str, object] = field(default_factory=dict[str, object])
