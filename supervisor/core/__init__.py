"""What the supervisor decides: no clock, no process, no socket."""
