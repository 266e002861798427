"""Find the route of a host name."""
