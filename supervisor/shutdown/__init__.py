"""End a stack from outside: the guardian, the next command, output that is still read.

The order of a running stack is `services`.
"""
