"""Plan what `up` starts: requests, ports, environments, names in URLs. It starts nothing."""
