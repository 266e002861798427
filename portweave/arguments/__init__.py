"""The grammar of a command line: options, operands, and the options of all verbs. No verb."""
