"""Ports and names of worktrees: which worktree this is, its block of ports, its routes."""

if __name__ != "portweave.allocator":
    raise ImportError("import portweave.allocator, not allocator", name=__name__)
