"""The jobs in SQLite: all SQL is here."""

import os
import sqlite3
import time
from pathlib import Path

SCHEMA = """
CREATE TABLE IF NOT EXISTS jobs (
    id INTEGER PRIMARY KEY,
    text TEXT NOT NULL,
    status TEXT NOT NULL DEFAULT 'queued',  -- queued, running, done
    taken_at REAL,
    result TEXT
)
"""
# After this time another worker may take a job that was never finished.
FORGOTTEN_AFTER_S = 10


def connect() -> sqlite3.Connection:
    """Open the database; `with connect() as jobs` is one transaction."""
    path = Path(os.environ["JOBS_DB"])
    path.parent.mkdir(exist_ok=True)
    connection = sqlite3.connect(path, timeout=10)
    connection.row_factory = sqlite3.Row
    return connection


def latest(connection: sqlite3.Connection, limit: int = 20) -> list[dict[str, object]]:
    """Return the newest jobs, newest first."""
    rows = connection.execute(
        "SELECT id, text, status, result FROM jobs ORDER BY id DESC LIMIT ?", (limit,)
    )
    return [dict(row) for row in rows]


def add(connection: sqlite3.Connection, text: str) -> int:
    """Queue a job and return its id."""
    cursor = connection.execute("INSERT INTO jobs (text) VALUES (?)", (text,))
    return int(cursor.lastrowid or 0)


def take(connection: sqlite3.Connection) -> sqlite3.Row | None:
    """Take the oldest free job; no two workers get the same one."""
    now_s = time.time()
    return connection.execute(
        """
        UPDATE jobs SET status = 'running', taken_at = :now WHERE id = (
            SELECT id FROM jobs
            WHERE status = 'queued' OR (status = 'running' AND taken_at < :forgotten)
            ORDER BY id LIMIT 1
        ) RETURNING id, text
        """,
        {"now": now_s, "forgotten": now_s - FORGOTTEN_AFTER_S},
    ).fetchone()


def finish(connection: sqlite3.Connection, job: int, result: str) -> None:
    """Record the result of a job."""
    connection.execute("UPDATE jobs SET status = 'done', result = ? WHERE id = ?", (result, job))
