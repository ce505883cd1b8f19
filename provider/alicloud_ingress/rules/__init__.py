"""
One rule, and what a group holds: parsed, compared, spelled. Pure.
"""
