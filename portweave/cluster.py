"""What a service imports to call others, and to start a star of its own."""

from portweave.calls.connection import Connection
from portweave.calls.joining import connect
from portweave.calls.request import Reply, Request
from portweave.calls.router import Next, Router
from portweave.errors import (
    BadPath,
    Cancelled,
    ClusterError,
    ConfigError,
    ConnectionNotFound,
    HubUnreachable,
    MessageTooLarge,
    NameTaken,
    NotSerializable,
    Overloaded,
    PeerDied,
    RemoteError,
    RequestTimeout,
    RouteNotFound,
)

__all__ = [
    "BadPath",
    "Cancelled",
    "ClusterError",
    "ConfigError",
    "Connection",
    "ConnectionNotFound",
    "HubUnreachable",
    "MessageTooLarge",
    "NameTaken",
    "Next",
    "NotSerializable",
    "Overloaded",
    "PeerDied",
    "RemoteError",
    "Reply",
    "Request",
    "RequestTimeout",
    "RouteNotFound",
    "Router",
    "connect",
]
