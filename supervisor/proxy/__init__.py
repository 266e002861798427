"""The proxy: names instead of ports."""
