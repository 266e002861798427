"""Why a run ended: exit status, printed errors, ports in use, missing files.

It starts nothing.
"""
