"""
Which sources a group's rules let reach which ports, computed exactly; no calls.
"""
