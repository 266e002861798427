"""Pure. Which stacks and services a filter of the user leaves."""

from collections.abc import Iterable

from portweave.encoding.value import replace
from portweave.top.stack_rows import Service, Stack


def filtered_stacks(stacks: Iterable[Stack], text: str) -> list[Stack]:
    """Return the stacks that fit, with the services that fit.

    Each word must occur in the name, state, port or reason of the service, or in the name or root
    of its stack. Case does not matter. A stack stays if a service of it does, or if it fits itself.

    Args:
        stacks: The stacks.
        text: Words with spaces between them; empty leaves all.
    """
    words = text.casefold().split()
    if not words:
        return list(stacks)
    found: list[Stack] = []
    for stack in stacks:
        own = f"{stack.name} {stack.root} {stack.problem}".casefold()
        services = tuple(one for one in stack.services if _fits(f"{own} {_text(one)}", words))
        if services or _fits(own, words):
            found.append(replace(stack, services=services))
    return found


def _fits(text: str, words: list[str]) -> bool:
    return all(word in text for word in words)


def _text(service: Service) -> str:
    port = "" if service.port is None else service.port
    return f"{service.name} {service.state} {port} {service.reason}".casefold()
