"""Blocks of ports: which worktree has which, and the registry that keeps them. No names."""
