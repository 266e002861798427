"""Take orders from the queue and ship them."""

import time

import psycopg
import shop

# Packing takes a while; with this delay you can see an order that waits.
WORK_S = 0.3


def main() -> None:
    shop.end_when_asked()
    with shop.connect(autocommit=True) as db, shop.queue() as queue:
        # The queue is only in memory; orders that waited when it ended are in the database.
        waiting = db.execute("SELECT id FROM orders WHERE status = 'placed' ORDER BY id").fetchall()
        print("waiting for orders", flush=True)
        for row in waiting:
            ship(db, row["id"])
        while True:
            taken = queue.brpop([shop.QUEUE], timeout=1)
            if taken is not None:
                ship(db, int(taken[1]))


def ship(db: psycopg.Connection[dict[str, object]], order: int) -> None:
    """Ship an order, unless it is shipped already."""
    time.sleep(WORK_S)
    done = db.execute(
        """
        UPDATE orders SET status = 'shipped', shipped_at = now()
        WHERE id = %s AND status = 'placed'
        """,
        (order,),
    )
    if done.rowcount:
        print(f"order {order} shipped", flush=True)


main()
