"""The API: GET /jobs lists them, POST /jobs with {"text": …} adds one."""

import json
from contextlib import closing

import jobs
from server import Handler, serve


class Api(Handler):
    def do_GET(self) -> None:  # noqa: N802
        if self.path == "/health":
            self.reply_json(200, {"ok": True})
        elif self.path == "/jobs":
            with closing(jobs.connect()) as connection:
                self.reply_json(200, {"jobs": jobs.latest(connection)})
        else:
            self.reply_json(404, {"error": "not found"})

    def do_POST(self) -> None:  # noqa: N802
        if self.path != "/jobs":
            self.reply_json(404, {"error": "not found"})
            return
        try:
            text = json.loads(self.body())["text"].strip()[:200]
        except (ValueError, KeyError, TypeError, AttributeError):
            text = ""
        if not text:
            self.reply_json(400, {"error": 'expected {"text": "…"}'})
            return
        with closing(jobs.connect()) as connection, connection:
            job = jobs.add(connection, text)
        print(f"job {job} queued", flush=True)
        self.reply_json(201, {"id": job})


serve(Api)
