"""
Many rules of a group as one resource.
"""
