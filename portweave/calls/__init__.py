"""Calls between services, as one who calls and answers sees them."""
