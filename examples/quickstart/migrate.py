"""Create the database's tables, where they are missing."""

import os

import jobs

connection = jobs.connect()
# Readers and one writer do not wait for each other.
connection.execute("PRAGMA journal_mode = WAL")
with connection:
    connection.execute(jobs.SCHEMA)
connection.close()
print(f"{os.environ['JOBS_DB']} is up to date", flush=True)
