"""The web panel: all worktrees of this machine on one page."""
