"""A connection to the hub of calls, as services use it to call and to answer."""
