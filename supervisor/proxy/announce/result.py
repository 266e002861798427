"""Pure. The result of announcing a stack's names."""

from portweave.encoding.value import value


@value
class Announced:
    """The result.

    Attributes:
        proxy_port: The port that the proxy listens on; None if no proxy runs.
        names: The host names that are registered.
        warnings: What did not work, in words.
        proxy_scheme: What the proxy speaks: `http` or `https`.
        taken: The host names that another process has registered.
    """

    proxy_port: int | None = None
    names: frozenset[str] = frozenset()
    warnings: tuple[str, ...] = ()
    proxy_scheme: str = "http"
    taken: frozenset[str] = frozenset()


NOTHING = Announced()
