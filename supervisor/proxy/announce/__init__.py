"""Register the names of a stack with the proxy; start the proxy and watch it.

No request passes through this package.
"""
