"""Shell completion of the `portweave` command: its grammar, and a script for each shell."""
