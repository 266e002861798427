"""Pure. Errors of HTTPS: its libraries, the certificate authority, trust in it (PW11)."""

from portweave.errors import PortweaveError


class TlsMissingError(PortweaveError):
    """The libraries for HTTPS, HTTP/2 and gRPC by name are not installed.

    What to do: `pip install 'portweave[tls]'`.
    """

    code = "PW1111"

    def __init__(self, why: str) -> None:
        super().__init__(
            f"HTTPS, HTTP/2 and gRPC by name need more than is installed: {why}",
            hint="pip install 'portweave[tls]', into the environment that portweave lies in",
        )


class AuthorityError(PortweaveError):
    """The local certificate authority cannot be used.

    What to do: remove its files, and portweave makes a new one; trust it anew.
    """

    code = "PW1113"

    def __init__(self, path: str, why: str) -> None:
        super().__init__(
            f"the local CA {path} cannot be used: {why}",
            hint="remove it and its key, and a new one is made; systems that trusted it have to be"
            " told again (portweave trust)",
            file=path,
        )


class TrustUnaskedError(PortweaveError):
    """`trust` needs a confirmation, and there is no terminal to ask at.

    What to do: use `--yes` or `--dry-run`.
    """

    code = "PW1114"

    def __init__(self) -> None:
        super().__init__(
            "nothing was changed: without a terminal, portweave cannot ask for confirmation",
            hint="--yes confirms beforehand, --dry-run only shows what would be done",
        )


class TrustFailedError(PortweaveError):
    """A command of `trust` has failed.

    What to do: the message says which; `trust` may be run again.
    """

    code = "PW1115"

    def __init__(self, command: str, why: str) -> None:
        super().__init__(
            f"{command} failed: {why}", hint="what was done before it stays; trust may be run again"
        )


class NoTrustStoreError(PortweaveError):
    """This machine has no trust store that portweave knows.

    What to do: trust the file that the hint names.
    """

    code = "PW1116"

    def __init__(self, path: str) -> None:
        super().__init__(
            "portweave knows no trust store of this system, and finds none of a browser",
            hint=f"have it trust {path}; curl takes --cacert {path}, Node NODE_EXTRA_CA_CERTS",
            file=path,
        )
