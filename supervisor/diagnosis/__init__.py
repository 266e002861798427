"""Why a run ended: exit status, printed errors, ports in use, missing files.

Nothing is started here.
"""
