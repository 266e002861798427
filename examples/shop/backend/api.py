"""The API: GET /shop returns everything, POST /orders with {"product": id} orders a product."""

import json
import os
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import psycopg
import redis
import shop


class Api(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.answer({"/health": health, "/shop": overview}.get(self.path))

    def do_POST(self) -> None:
        self.answer({"/orders": self.order}.get(self.path))

    def order(self) -> tuple[int, object]:
        try:
            body = self.rfile.read(min(int(self.headers.get("Content-Length") or 0), 65_536))
            product = int(json.loads(body)["product"])
        except (ValueError, KeyError, TypeError):
            return 400, {"error": 'expected {"product": 1}'}
        return place(product)

    def answer(self, what: object) -> None:
        if not callable(what):
            status, value = 404, {"error": "not found"}
        else:
            try:
                status, value = what()
            except (psycopg.Error, redis.RedisError) as error:
                print(f"{self.command} {self.path}: {error}", file=sys.stderr, flush=True)
                status, value = 503, {"error": str(error)}
        data = json.dumps(value, default=str).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: object) -> None:
        """Print nothing about each request."""


def health() -> tuple[int, object]:
    with shop.connect() as db, shop.queue() as queue:
        db.execute("SELECT 1")
        queue.ping()
    return 200, {"ok": True}


def overview() -> tuple[int, object]:
    with shop.connect() as db:
        products = db.execute("SELECT id, name, stock FROM products ORDER BY id").fetchall()
        orders = db.execute(
            """
            SELECT orders.id, products.name AS product, orders.status
            FROM orders JOIN products ON products.id = orders.product
            ORDER BY orders.id DESC LIMIT 20
            """
        ).fetchall()
    return 200, {"products": products, "orders": orders}


def place(product: int) -> tuple[int, object]:
    with shop.connect() as db:
        taken = db.execute(
            "UPDATE products SET stock = stock - 1 WHERE id = %s AND stock > 0 RETURNING id",
            (product,),
        ).fetchone()
        if taken is None:
            return 409, {"error": "sold out"}
        row = db.execute(
            "INSERT INTO orders (product) VALUES (%s) RETURNING id", (product,)
        ).fetchone()
        assert row is not None
    # After the commit: a fast worker would not find the order before.
    with shop.queue() as queue:
        queue.lpush(shop.QUEUE, row["id"])
    print(f"order {row['id']} placed", flush=True)
    return 201, {"id": row["id"]}


shop.end_when_asked()
with ThreadingHTTPServer(("127.0.0.1", int(os.environ["PORT"])), Api) as server:
    print(f"listening on {server.server_port}", flush=True)
    server.serve_forever()
