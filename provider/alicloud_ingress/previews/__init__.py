"""
What a preview of the engine says of rules, and what is to be thought of it.
"""
