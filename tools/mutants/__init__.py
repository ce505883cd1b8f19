"""
Finds promises that a test suite does not verify.
"""
