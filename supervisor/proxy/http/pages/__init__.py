"""The pages that the proxy itself writes: errors, and the index of names. All of it is pure."""
