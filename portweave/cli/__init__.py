"""The command line: reading its words, its verbs, and shell completion.

What a verb does lies below.
"""
