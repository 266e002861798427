"""What portweave reports about a stack: messages, states, explanations, events, history.

Nothing is decided here.
"""
