"""The life of services: plan, start, readiness, health, restarts, file watching.

Processes lie below.
"""
