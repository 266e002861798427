"""Processes of services: start, find, signal, and prove that they are gone.

When a service starts, restarts or stops is decided in `services`.
"""
