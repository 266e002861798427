"""Connections to the database and to the queue, for API, worker and migrations."""

import os
import signal
import sys
from typing import Any

import psycopg
import redis
from psycopg.rows import dict_row

QUEUE = "orders"


def connect(**options: Any) -> psycopg.Connection[dict[str, Any]]:
    """Connect to the shop's database; `with connect() as db` is one transaction."""
    return psycopg.connect(os.environ["DATABASE_URL"], row_factory=dict_row, **options)


def queue() -> redis.Redis:
    """Connect to the queue's server."""
    return redis.Redis.from_url(os.environ["REDIS_URL"], decode_responses=True)


def end_when_asked() -> None:
    """End quietly and at once on SIGTERM."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: sys.exit(0))
