"""
What the engine asks of a dynamic provider, in the engine's types.
"""
