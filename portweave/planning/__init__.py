"""What `up` starts: selection, allocation, environments, names in URLs, the plan of a stack.

It starts nothing.
"""
