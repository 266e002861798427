"""Which service a host name leads to."""
