"""A program with its own hub: one process for each script in routes/, and two workers."""

from portweave import cluster

hub = cluster.init(routes="routes", count=2, respawn=True, greeting="hello")

if __name__ == "__main__":
    hub.start()
