"""What is told of a stack: messages, states, explanations, events, history.

Nothing is decided here.
"""
