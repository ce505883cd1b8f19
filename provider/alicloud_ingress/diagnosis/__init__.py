"""
What works on a machine, and what to do about the rest.
"""
