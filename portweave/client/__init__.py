"""Start a stack, query it, join it, plan it again. The supervisor that answers is elsewhere."""
