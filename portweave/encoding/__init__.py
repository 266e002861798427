"""Text and values: JSON, JSON-RPC, times, durations, colours. No files and no processes."""
