"""Records, locks and sockets of running stacks. Ports are `portweave.allocator`."""
