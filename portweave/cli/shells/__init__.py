"""What has a shell complete words behind `portweave`: the grammar, and a script for each shell."""
