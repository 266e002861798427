"""Output of services: split into lines, shown, written, rotated, read again.

Queries are `portweave.logreading`.
"""
