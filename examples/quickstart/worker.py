"""Take jobs from the database one by one, and do them."""

import hashlib
import signal
import sys
import time
from contextlib import closing

import jobs

PAUSE_S = 0.2
# A fingerprint takes almost no time; with this delay you can see a job running.
WORK_S = 0.3


def main() -> None:
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: sys.exit(0))
    print("waiting for jobs", flush=True)
    with closing(jobs.connect()) as connection:
        while True:
            with connection:
                job = jobs.take(connection)
            if job is None:
                time.sleep(PAUSE_S)
                continue
            time.sleep(WORK_S)
            with connection:
                jobs.finish(connection, job["id"], hashlib.sha256(job["text"].encode()).hexdigest())
            print(f"job {job['id']} done", flush=True)


main()
