"""Blocks of ports: the rules, the registry that keeps them, and checks of ports. No names."""
