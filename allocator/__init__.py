"""Give every worktree its own contiguous block of ports."""

if __name__ != "portweave.allocator":
    raise ImportError("import portweave.allocator, not allocator", name=__name__)
