"""The panel: all worktrees of this machine on one page, for browsers on this machine."""
