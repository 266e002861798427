"""Asks the other process every two seconds; knows its port from WEB_PORT."""

import http.client
import os
import signal
import sys
import time

PAUSE_S = 2
RETRY_S = 0.1


def ask() -> str:
    """Return the answer of the other process; empty while it does not answer."""
    connection = http.client.HTTPConnection("127.0.0.1", int(os.environ["WEB_PORT"]), timeout=5)
    try:
        connection.request("GET", "/")
        return connection.getresponse().read().decode().strip()
    except (OSError, http.client.HTTPException):
        return ""
    finally:
        connection.close()


for number in (signal.SIGTERM, signal.SIGINT):
    signal.signal(number, lambda *_: sys.exit(0))
while True:
    if answer := ask():
        print(f"web says: {answer}", flush=True)
    time.sleep(PAUSE_S if answer else RETRY_S)
