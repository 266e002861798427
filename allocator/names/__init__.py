"""Names of routes: hostnames, their owners, the store of routes, the hosts file. No ports."""
