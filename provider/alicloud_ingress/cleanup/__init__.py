"""
Finding stale rules, destroying them, and putting them back.
"""
