"""Services from start to end: plan, readiness, health, restarts, file watching.

It uses `processes` to start and end processes.
"""
