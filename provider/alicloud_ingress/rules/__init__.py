"""
One rule: made, changed and removed, with no unproven yes believed.
"""
