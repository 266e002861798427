"""Processes of services: start, find, signal, and prove that they are gone.

No rule about services.
"""
