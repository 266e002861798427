"""Records and locks of running stacks. Ports are `portweave.allocator`."""
