"""The server for coding agents: tools over MCP, the Model Context Protocol, on stdin and stdout."""
