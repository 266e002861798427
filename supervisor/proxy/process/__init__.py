"""The process of the proxy: its files, its command, its start and end."""
