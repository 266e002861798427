"""Run the services of a stack: start, watch, restart, relay, stop."""

if __name__ != "portweave.supervisor":
    raise ImportError("import portweave.supervisor, not supervisor", name=__name__)
