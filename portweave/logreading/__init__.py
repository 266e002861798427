"""Query and show log files. What writes them is `portweave.supervisor.logs`."""
