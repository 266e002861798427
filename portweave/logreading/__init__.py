"""Query and show log files; `portweave.supervisor.logs` writes them."""
