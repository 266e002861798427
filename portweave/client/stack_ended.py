"""The sign that `up` has to start over. It imports nothing: `up` needs it before all else."""


class StackEndedError(Exception):
    """The stack that `up` was about to join has ended; nothing was started in it."""
