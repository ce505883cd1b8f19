"""
One rule and the rules of a group: check, normal form, comparison. No input or output.
"""
