"""Create the database where it is missing, and update its tables."""

import shop

# Each runs once, in this order. Add to the end; never change one that has run somewhere.
MIGRATIONS = (
    """
    CREATE TABLE products (
        id integer PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
        name text NOT NULL,
        stock integer NOT NULL CHECK (stock >= 0)
    )
    """,
    """
    CREATE TABLE orders (
        id integer PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
        product integer NOT NULL REFERENCES products,
        status text NOT NULL DEFAULT 'placed' CHECK (status IN ('placed', 'shipped')),
        placed_at timestamptz NOT NULL DEFAULT now(),
        shipped_at timestamptz
    )
    """,
    "INSERT INTO products (name, stock) VALUES ('Loom', 5), ('Shuttle', 20), ('Yarn', 300)",
)


def main() -> None:
    # PostgreSQL cannot create a database inside a transaction, or from inside itself.
    with shop.connect(dbname="postgres", autocommit=True) as db:
        if not db.execute("SELECT FROM pg_database WHERE datname = 'shop'").fetchall():
            db.execute("CREATE DATABASE shop")
    with shop.connect() as db:
        db.execute("CREATE TABLE IF NOT EXISTS migrations (number integer PRIMARY KEY)")
        done = {row["number"] for row in db.execute("SELECT number FROM migrations")}
        for number, statement in enumerate(MIGRATIONS, 1):
            if number not in done:
                db.execute(statement)
                db.execute("INSERT INTO migrations VALUES (%s)", (number,))
    print(f"{len(MIGRATIONS) - len(done)} migrations applied", flush=True)


main()
