"""Names of a stack: registered with the proxy, which is started and watched.

No request passes here.
"""
