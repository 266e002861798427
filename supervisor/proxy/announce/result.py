"""Pure. What came of announcing a stack's names."""

from portweave.encoding.value import value


@value
class Announced:
    """What came of it.

    Attributes:
        proxy_port: Where the proxy listens; None where there is none.
        proxy_scheme: What it speaks: `http` or `https`.
        taken: Those that others have.
        names: Those that are registered.
        warnings: What did not work, in words.
    """

    proxy_port: int | None = None
    names: frozenset[str] = frozenset()
    warnings: tuple[str, ...] = ()
    proxy_scheme: str = "http"
    taken: frozenset[str] = frozenset()


NOTHING = Announced()
