"""`portweave top`: all stacks of this machine in the terminal, drawn by Textual."""
