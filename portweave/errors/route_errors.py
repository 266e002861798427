"""Pure. Errors of names and routes (PW11)."""

from portweave.errors import PortweaveError


class RouteConflictError(PortweaveError):
    """A host name has a route already, and the owner of the route is alive.

    What to do: `portweave routes` shows the owner; `--force` replaces the route.

    Attributes:
        hostname: The name.
        existing_pid: Process id of the owner; 0 for a route that stays until it is removed.
    """

    code = "PW1101"

    def __init__(self, hostname: str, existing_pid: int) -> None:
        super().__init__(
            f'"{hostname}" is already registered by a running process (PID {existing_pid}).'
            " Use --force to override.",
            hint="portweave routes shows which process has which name",
            hostname=hostname,
            pid=existing_pid,
        )
        self.hostname = hostname
        self.existing_pid = existing_pid


class RouteLockError(PortweaveError):
    """The routes could not be locked.

    What to do: the hint names the process that holds the lock.

    Args:
        path: The lock.
        why: What kept portweave from it.
        pid: Process id of the holder; None if unknown.
    """

    code = "PW1102"

    def __init__(self, path: str, why: str, pid: int | None = None) -> None:
        super().__init__(
            "Failed to acquire route lock",
            hint=f"{path}: {why}",
            file=path,
            **({} if pid is None else {"pid": pid}),
        )


class HostnameError(PortweaveError, ValueError):
    """A text is not a host name.

    What to do: use letters, digits, hyphens and dots.
    """

    code = "PW1103"


class RouteUnknownError(PortweaveError):
    """There is no such alias.

    What to do: `portweave routes` shows all routes.
    """

    code = "PW1107"

    def __init__(self, hostname: str, owner_pid: int | None) -> None:
        owner = "" if owner_pid is None else f"; its route belongs to pid {owner_pid}"
        super().__init__(
            f"{hostname} is no alias{owner}",
            hint="portweave routes shows what there is",
            hostname=hostname,
        )


class NoBrowserError(PortweaveError):
    """A URL could not be opened in a browser.

    What to do: set `BROWSER` to a command.
    """

    code = "PW1108"

    def __init__(self, url: str, why: str = "there is no browser to open it with") -> None:
        super().__init__(
            f"{url} was not opened: {why}", hint="the variable BROWSER names a command", url=url
        )


class HostsUnwritableError(PortweaveError):
    """`/etc/hosts` cannot be changed.

    What to do: the hint has a command with `sudo`.
    """

    code = "PW1109"

    def __init__(self, path: str, why: str) -> None:
        super().__init__(
            f"{path} cannot be changed: {why}",
            hint=f"portweave hosts | sudo tee -a {path} writes the lines with root's rights",
            file=path,
        )


class NoLinkError(PortweaveError):
    """A service has a port, but no URL: as far as portweave knows, it does not speak HTTP.

    What to do: `portweave port` prints the port; `hostname` in its definition gives it a URL.

    Args:
        service: The service.
        why: What it is instead.
        port: Its port.
    """

    code = "PW1118"

    def __init__(self, service: str, why: str, port: int) -> None:
        super().__init__(
            f"{service} has no URL: {why}",
            hint=(
                f"portweave port {service} prints its port ({port})",
                "the key hostname in its definition gives it a name",
            ),
            service=service,
            port=port,
        )
