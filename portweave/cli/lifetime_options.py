"""The options that say what ends a stack without a command, of `up` and `keep`."""

from portweave import errors
from portweave.arguments.args import Option
from portweave.cli.option_values import seconds_of

TYPE_CHECKING = False  # `typing` costs as much as the work
if TYPE_CHECKING:
    from portweave.arguments.args import Args
    from portweave.supervisor.services.lifetime import Owner, Terms

# Use is looked for twice a minute.
_LEAST_IDLE_S = 60.0


def lifetime_options(group: str = "") -> tuple[Option, ...]:
    """The options, under a heading of the help text."""
    return (
        Option(
            "--owner",
            metavar="PID",
            many=True,
            values=("auto",),
            about="the stack ends with this process; auto: the one that runs portweave",
            group=group,
        ),
        Option(
            "--ttl", metavar="TIME", about="the stack ends after this time, as in 2h", group=group
        ),
        Option(
            "--idle",
            metavar="TIME",
            about="the stack ends when it was not used for this time, as in 30m",
            group=group,
        ),
    )


def terms_of(args: "Args") -> "Terms":
    """Read the options.

    With `--owner auto` it says which process that is, or warns that there is none.

    Raises:
        UsageError: A process cannot own a stack, or a time is none.
    """
    # Imported here: most commands have none of the options.
    from portweave.supervisor.services.lifetime import FOREVER, Terms

    if not any(args.flag(name) for name in ("owner", "ttl", "idle")):
        return FOREVER
    from portweave.client.owners import AUTO, find_owner, owner_of
    from portweave.client.verb_queries import say

    owners: list[Owner] = []
    for text in args.texts("owner"):
        owner = find_owner() if text == AUTO else owner_of(text)
        if owner is None:
            say("warning: no process around this command can own the stack; it gets no owner")
            continue
        if text == AUTO:
            say(f"the owner of the stack is {owner}")
        owners.append(owner)
    ttl, idle = args.text("ttl"), args.text("idle")
    idle_s = None if idle is None else seconds_of(idle, "--idle")
    if idle_s is not None and idle_s < _LEAST_IDLE_S:
        raise errors.UsageError(f"--idle takes at least {_LEAST_IDLE_S:g} s, received {idle!r}")
    return Terms(
        tuple(dict.fromkeys(owners)), None if ttl is None else seconds_of(ttl, "--ttl"), idle_s
    )
