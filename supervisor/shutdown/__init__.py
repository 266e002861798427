"""End a stack from outside: the guardian, the next command, output that is still read.

How a running stack stops its own services is decided in `services`.
"""
