"""The proxy's process: its files, its command, its start and end."""
