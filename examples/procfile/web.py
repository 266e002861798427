"""Says hello on PORT."""

import os
import signal
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

GREETING = os.environ.get("GREETING", "Hello")
NAMESPACE = os.environ.get("PORTWEAVE_NAMESPACE", "nowhere")


class Web(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        data = f"{GREETING} from {NAMESPACE}\n".encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/plain; charset=utf-8")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: object) -> None:
        """The worker prints what it got; that is enough."""


for number in (signal.SIGTERM, signal.SIGINT):
    signal.signal(number, lambda *_: sys.exit(0))
with ThreadingHTTPServer(("127.0.0.1", int(os.environ["PORT"])), Web) as server:
    print(f"listening on http://127.0.0.1:{os.environ['PORT']}", flush=True)
    server.serve_forever()
