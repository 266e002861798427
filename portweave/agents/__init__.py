"""What other programs read of portweave: files for coding agents, hooks of worktree tools."""
