"""Pure. Errors of the proxy (PW11)."""

from portweave.errors import PortweaveError


class ProxyPortError(PortweaveError):
    """The proxy cannot listen on its port.

    What to do: choose another with `--port`.

    Args:
        host: The address.
        port: The port.
        why: The system's reason.
    """

    code = "PW1104"

    def __init__(self, host: str, port: int, why: str) -> None:
        super().__init__(
            f"the proxy cannot listen on {host} port {port}: {why}",
            hint="--port chooses another; portweave proxy status shows whether one runs already",
            port=port,
        )


class ProxyRunningError(PortweaveError):
    """A proxy runs already for this state folder.

    What to do: `portweave proxy status` shows it.

    Args:
        folder: The state folder.
        pid: Process id of the proxy.
        port: Its port; None if unknown.
    """

    code = "PW1105"

    def __init__(self, folder: str, pid: int, port: int | None = None) -> None:
        where = "" if port is None else f", and listens on port {port}"
        super().__init__(
            f"a proxy runs already for {folder} (pid {pid}){where}",
            hint="portweave proxy stop ends it",
            path=folder,
            pid=pid,
            **({} if port is None else {"port": port}),
        )


class ProxyNotStartedError(PortweaveError):
    """The proxy did not start in the background.

    What to do: the message has its last output, `proxy.log` all of it.

    Args:
        log: The path of its log.
        said: Its output.
    """

    code = "PW1106"

    def __init__(self, log: str, said: str) -> None:
        lines = [line.removeprefix("[portweave] ") for line in said.splitlines()]
        causes = [line.removeprefix("error: ") for line in lines if not line.startswith("hint: ")]
        hints = [line.removeprefix("hint: ") for line in lines if line.startswith("hint: ")]
        super().__init__(
            f"the proxy did not start: {'; '.join(causes) or 'it said nothing'}",
            hint=(*hints, f"see {log}"),
        )


class ProxySchemeError(PortweaveError):
    """HTTPS was asked for, and the running proxy speaks plain HTTP.

    What to do: `portweave proxy stop`, then `start --tls`.
    """

    code = "PW1112"

    def __init__(self, folder: str, pid: int) -> None:
        super().__init__(
            f"the proxy that runs for {folder} (pid {pid}) speaks plain HTTP",
            hint="portweave proxy stop, then portweave proxy start --tls",
            path=folder,
            pid=pid,
        )


class ProxyAccessError(PortweaveError):
    """Access for all users was asked for, and the running proxy serves its own user alone.

    What to do: `portweave proxy stop`, then `start --any-user`.
    """

    code = "PW1120"

    def __init__(self, folder: str, pid: int) -> None:
        super().__init__(
            f"the proxy that runs for {folder} (pid {pid}) serves its own user alone",
            hint="portweave proxy stop, then portweave proxy start --any-user",
            path=folder,
            pid=pid,
        )
