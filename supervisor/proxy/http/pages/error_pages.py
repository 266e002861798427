"""Pure. The content of the proxy's error pages, and of its redirect to HTTPS."""

from collections.abc import Sequence
from shlex import quote

from portweave.allocator.names.hostnames import PANEL_HOST
from portweave.encoding.value import value
from portweave.supervisor.proxy.http.pages.nearest_names import nearest, project_of
from portweave.supervisor.proxy.http.pages.page import (
    Command,
    NameGroup,
    NameRow,
    Page,
    State,
)

# States that a service leaves only when the user starts it.
_OVER = frozenset({"stopped", "exited", "completed", "failed", "blocked"})
# A list of names longer than this ends with the number of the others.
_MOST_NAMES = 50


@value
class Origin:
    """How the proxy is reached.

    Attributes:
        port: Its port.
        scheme: `http` or `https`.
    """

    port: int
    scheme: str = "http"

    def url(self, hostname: str) -> str:
        """The URL of a name, without the port if it is the scheme's default."""
        usual = 443 if self.scheme == "https" else 80
        return f"{self.scheme}://{hostname}" + ("" if self.port == usual else f":{self.port}")


@value
class ServiceFacts:
    """What a page may tell of the service behind a name.

    Attributes:
        hostname: The registered name.
        port: The port of the route.
        phase: The service's state as `ps` prints it; empty if unknown.
        text: In a few words what is known where the state is not.
        reason: Why it is in this state; empty if unknown or not to be shown.
        since_s: How long it has been in this state, in seconds; None if unknown.
        output: The last line that it printed; empty if unknown or not to be shown.
        service: Its name in its stack; empty without a stack.
        stack: Its stack, as `--stack` takes it; empty if unknown.
        branch: The branch of its worktree; empty if unknown.
        folder: The root of its worktree; empty if unknown or not to be shown.
        may_act: Whether the reader is the user of the stack, who may give it commands.
        links: (text, URL) pairs for the end of the page.
    """

    hostname: str
    port: int
    phase: str = ""
    text: str = "registered, but it does not answer"
    reason: str = ""
    since_s: float | None = None
    output: str = ""
    service: str = ""
    stack: str = ""
    branch: str = ""
    folder: str = ""
    may_act: bool = True
    links: tuple[tuple[str, str], ...] = ()


@value
class IdleWorktree:
    """A worktree whose stack does not run.

    Attributes:
        folder: Its root.
        hostname: The end of the names of its services.
    """

    folder: str
    hostname: str


def refused(status: int, why: str) -> Page:
    """The page for a malformed request."""
    return Page(status, "This request cannot be passed on", (f"{why}.",))


def secured(host: str, target: bytes, port: int) -> Page:
    """The redirect of a plain HTTP request to a proxy with HTTPS.

    A 307 keeps the method, and clients do not cache it (RFC 9110, section 15.4.8). The proxy may
    speak plain HTTP again tomorrow.

    Args:
        host: The Host field, with its port if the client named one.
        target: The path.
        port: The proxy's port.
    """
    if not host.rpartition("]")[2].rpartition(":")[1]:
        host = Origin(port, "https").url(host).removeprefix("https://")
    path = target.decode("latin-1") if target.startswith(b"/") else "/"
    url = f"https://{host}{path}"
    return Page(307, "This proxy speaks HTTPS", (f"Ask for {url} instead.",), location=url)


def foreign() -> Page:
    """The page for a request by a foreign name, which learns nothing."""
    return Page(404, "No such host", ("This proxy does not know the host of this request.",))


def unknown(
    name: str,
    hostnames: Sequence[str],
    origin: Origin,
    idle: Sequence[IdleWorktree] = (),
    indexes: Sequence[str] = (),
    links: tuple[tuple[str, str], ...] = (),
) -> Page:
    """The page for a host without a route: first the names that the user may have meant.

    Args:
        name: The host name.
        hostnames: The registered host names.
        origin: How the proxy is reached.
        idle: Worktrees that would have such a name if their stacks ran.
        indexes: Names of indexes, which the user may have meant too.
        links: (text, URL) pairs for the end of the page.
    """
    near = nearest(name, [*hostnames, *indexes])
    project = project_of(name)
    own = [host for host in hostnames if host not in near and project_of(host) == project]
    others = [host for host in hostnames if host not in near and project_of(host) != project]
    rest = "Other names:" if near or own else "These are registered:"
    groups = [
        _group(title, hosts, origin)
        for title, hosts in (
            ("Did you mean:", near),
            (f"Names of {project}:", own),
            (rest, others),
        )
        if hosts
    ]
    lines = tuple(f"The stack of {one.hostname} does not run." for one in idle)
    lines = lines if groups or lines else ("No routes are registered.",)
    commands = tuple(
        Command("Start it", f"cd {quote(one.folder)} && portweave up")
        for one in idle
        if one.folder.isprintable()
    )
    if name == PANEL_HOST:
        lines = ("It is the name of the panel, which does not run.", *lines)
        commands = (Command("Start the panel", "portweave panel"), *commands)
    else:
        short = quote(name.removesuffix(".localhost"))
        give = Command("Give this name to a port", f"portweave alias {short} PORT", is_whole=False)
        commands = (*commands, give)
    return Page(
        404,
        f"{name} has no route",
        lines,
        commands=commands,
        groups=tuple(groups),
        links=links,
    )


def _group(title: str, hostnames: list[str], origin: Origin) -> NameGroup:
    rows = tuple(NameRow(host, origin.url(host)) for host in hostnames[:_MOST_NAMES])
    left = len(hostnames) - len(rows)
    return NameGroup(title, rows, (f"and {left} more",) if left else ())


def not_yours(name: str) -> Page:
    """The page for another user that asks for the panel."""
    return Page(
        403,
        f"{name} is another user's",
        (
            "Another user of this machine has started this proxy, and the panel behind it.",
            "portweave panel starts your own; it prints where it is.",
        ),
    )


def other_user() -> Page:
    """The page for another user of this machine; it names no route."""
    return Page(
        403,
        "This proxy serves its own user alone",
        (
            "Another user of this machine has started it.",
            "portweave proxy start starts your own; it prints where that listens.",
            "portweave proxy start --any-user starts one that serves all users.",
        ),
    )


def not_up(facts: ServiceFacts) -> Page:
    """The page for a service that does not answer."""
    is_over = (facts.phase or facts.text.partition(":")[0]) in _OVER
    title = f"{facts.hostname} is not up" if is_over else f"{facts.hostname} is not up yet"
    reason = _reason(facts)
    where = () if str(facts.port) in facts.reason else (f"Nothing listens on port {facts.port}.",)
    lines = (*reason, *where)
    return _about(503, title, lines, facts, reload_s=1)


def wrong_port(facts: ServiceFacts, found: Sequence[int]) -> Page:
    """The page for a service that listens on other ports.

    Args:
        facts: What is known of the service.
        found: The ports that the service listens on.
    """
    port = facts.port
    ports = " and ".join(str(other) for other in found)
    lines = (
        f"It was given port {port} (in the variable PORT), but it listens on {ports}.",
        f"Have it read PORT, or start it with an option such as --port {port}.",
    )
    # The user may have fixed it, or the service may still be starting.
    return _about(502, f"{facts.hostname} listens on another port", lines, facts, reload_s=2)


def broken(facts: ServiceFacts, why: str) -> Page:
    """The page for a service with an invalid answer.

    Args:
        facts: What is known of the service.
        why: The reason in words.
    """
    lines = (f"Port {facts.port}: {why}.",)
    return _about(502, f"{facts.hostname} did not answer properly", lines, facts)


def loop(name: str, hops: int) -> Page:
    """The page for a request that passes the proxy in a loop."""
    return Page(
        508,
        "This request goes round in a circle",
        (
            f"It has come by {hops} times: the service behind {name} sends it to its own name.",
            "Where it is a development server's proxy that does so, set its changeOrigin to true.",
        ),
    )


def _reason(facts: ServiceFacts) -> tuple[str, ...]:
    if not facts.phase:
        return (f"It is {facts.text}.",)
    if not facts.reason:
        return ()
    end = "" if facts.reason[-1] in ".!?…" else "."
    return (f"Reason: {facts.reason}{end}",)


def _about(
    status: int,
    title: str,
    lines: tuple[str, ...],
    facts: ServiceFacts,
    reload_s: int | None = None,
) -> Page:
    named = (("Stack", facts.stack), ("Branch", facts.branch), ("Folder", facts.folder))
    return Page(
        status,
        title,
        lines,
        state=State(facts.phase, facts.since_s) if facts.phase else None,
        # A reason may quote it already.
        output="" if facts.output in facts.reason else facts.output,
        commands=_commands(facts),
        facts=tuple((label, text) for label, text in named if text),
        links=facts.links,
        reload_s=reload_s,
    )


def _commands(facts: ServiceFacts) -> tuple[Command, ...]:
    if not facts.service or not facts.may_act:
        return ()
    # The command works in every folder.
    end = f"{quote(facts.service)} --stack {quote(facts.stack)}" if facts.stack else facts.service
    commands = [
        Command("Ask what is wrong", f"portweave why {end}"),
        Command("Read its log", f"portweave logs {end}"),
    ]
    if facts.phase in _OVER:
        commands.append(Command("Start it again", f"portweave start {end}"))
    return tuple(commands)
