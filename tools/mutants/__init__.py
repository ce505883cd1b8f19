"""
A test suite that is green over a broken promise, found out.
"""
