"""The program that a widget belongs to, with its type: Textual's own property lacks one."""

from typing import cast

from textual.app import App
from textual.message_pump import MessagePump


def app_of(node: MessagePump) -> App[int]:
    """Return the program of a widget or screen."""
    return cast("App[int]", node.app)  # pyright: ignore[reportUnknownMemberType]
