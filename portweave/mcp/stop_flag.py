"""A flag that ends the work on a call, because the client has cancelled it or is gone."""

from contextlib import contextmanager
from threading import Lock

TYPE_CHECKING = False  # `typing` costs as much as the work
if TYPE_CHECKING:
    from collections.abc import Callable, Generator


class StopFlag:
    """Ends the work on one call.

    Attributes:
        is_set: Whether the work shall end.
    """

    def __init__(self) -> None:
        self.is_set = False
        self._lock = Lock()
        self._end: Callable[[], None] | None = None

    def set(self) -> None:
        """End the work that goes on, and each that begins later."""
        with self._lock:
            self.is_set = True
            end = self._end
        if end is not None:
            end()

    @contextmanager
    def watched(self, end: "Callable[[], None]") -> "Generator[None]":
        """Have a function called when the flag is set, or at once if it is set already.

        Args:
            end: The function.
        """
        with self._lock:
            self._end = end
            is_set = self.is_set
        if is_set:
            end()
        try:
            yield
        finally:
            with self._lock:
                self._end = None
