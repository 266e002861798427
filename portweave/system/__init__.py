"""Files, locks, processes, sockets and signals of the operating system. No rule of portweave."""
