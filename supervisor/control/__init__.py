"""The control socket: its server, its commands, and attaching to a terminal. No client."""
