"""`portweave settle`: wait until the consequences of an edit are over, and tell what is new."""
