"""Run the services of a project, one set of ports for each git worktree."""

__version__ = "0.1.0"
