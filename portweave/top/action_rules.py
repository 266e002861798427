"""Pure. Which command of portweave a key runs, and what it asks before."""

from portweave.encoding.value import value
from portweave.top.stack_rows import Service, Stack

_MOST_NAMED = 6


@value
class Command:
    """A command to run in a worktree.

    Attributes:
        words: The verb and its arguments.
        doing: What it does, such as `restarting web`.
        question: What to ask before; empty for nothing.
        detail: What the user should know to answer.
        answer: The word of the button that agrees.
    """

    words: tuple[str, ...]
    doing: str
    question: str = ""
    detail: str = ""
    answer: str = ""


@value
class Refusal:
    """The reason why an action does not make sense here.

    Attributes:
        text: What is missing.
        hint: What to do; empty for nothing.
    """

    text: str
    hint: str = ""


def command_for(action: str, stack: Stack, service: Service | None) -> Command | Refusal:
    """Return the command of an action, or why there is none.

    What ends something that does not come back by itself has a question.

    Args:
        action: An action of `key_table`.
        stack: The stack of the selected row.
        service: The selected service; None where the stack's own row is selected.
    """
    if action == "up":
        return Command(("up",), f"starting {stack.name}")
    if not stack.is_running:
        return Refusal(f"no stack runs in {stack.name}", "u starts it")
    if action == "down":
        return _down(stack)
    if service is None:
        if action == "restart":
            return Command(
                ("restart",),
                f"restarting {stack.name}",
                f"Restart all of {stack.name}?",
                _ending(stack),
                "Restart",
            )
        return Refusal(f"{stack.name} is a stack", "select one of its services")
    name = service.name
    match action:
        case "restart":
            return Command(("restart", name), f"restarting {name}")
        case "toggle" if service.is_up:
            return Command(("stop", name), f"stopping {name}")
        case "toggle":
            return Command(("start", name), f"starting {name}")
        case "kill" if service.pid is None:
            return Refusal(f"{name} does not run", "x starts it")
        case "kill":
            return Command(
                ("kill", name),
                f"killing {name}",
                f"Kill {name} of {stack.name}?",
                "SIGKILL ends all its processes at once. Its restart policy applies.",
                "Kill",
            )
        case "attach" if service.pid is None:
            return Refusal(f"{name} does not run", "x starts it")
        case "environment":
            return Command(("ask", "supervisor/environment", name), f"environment of {name}")
        case "why":
            return Command(("why", name), f"why {name}")
        case _:
            return Command((action, name), f"{action} {name}")


def services_to_explain(stack: Stack, service: Service | None) -> tuple[str, ...]:
    """Return the services that `why` explains: the selected one, or those in trouble."""
    if service is not None:
        return (service.name,)
    return tuple(one.name for one in stack.services if one.is_in_trouble)


def _down(stack: Stack) -> Command:
    return Command(
        ("down",),
        f"stopping {stack.name}",
        f"Stop {stack.name}?",
        _ending(stack),
        "Stop",
    )


def _ending(stack: Stack) -> str:
    names = [one.name for one in stack.services if one.is_up]
    if not names:
        return "None of its services runs."
    more = f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
    verb = "ends" if len(names) == 1 else "end"
    return f"{', '.join(names[:_MOST_NAMED])}{more} {verb}."
