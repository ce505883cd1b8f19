"""
What the provider costs, beside what the engine costs alone.
"""
