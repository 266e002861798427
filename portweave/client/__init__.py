"""Ask a running stack, join it, plan it anew. The supervisor that answers is elsewhere."""
