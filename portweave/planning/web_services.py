"""Pure. Decide which services a browser can reach. The others get no name in a URL."""

TYPE_CHECKING = False  # `typing` costs as much as the work
if TYPE_CHECKING:
    from portweave.procfiles.model import Ready, Service


def why_no_link(service: "Service") -> str | None:
    """Return why a service with a port gets no name in a URL; None if it gets one.

    A hostname, a wildcard or a framework in its definition gives any service a name.
    """
    if isinstance(service.hostname, str) or isinstance(service.framework, str) or service.wildcard:
        return None
    if service.command is not None:
        from portweave.planning.other_protocols import known_server

        program = known_server(service.command)
        if program is not None:
            return f"it runs {program}, which does not speak HTTP"
    probe = _only_probe(service.ready)
    return None if probe is None else f"its only probe is {probe}, which does not tell of HTTP"


def _only_probe(ready: "Ready | None") -> str | None:
    """Return `tcp` or `exec` if that is the only sign that a service is ready."""
    if ready is None or ready.http is not None or ready.log is not None or ready.notify:
        return None
    if ready.tcp:
        return "tcp"
    return "exec" if ready.exec is not None else None
