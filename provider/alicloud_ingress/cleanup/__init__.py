"""
Finds stale rules, destroys them, and restores them.
"""
