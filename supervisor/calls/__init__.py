"""The hub: it passes calls between services. What a caller uses is `portweave.calls`."""
