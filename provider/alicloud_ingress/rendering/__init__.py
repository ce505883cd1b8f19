"""
Writes text for people: escaped markup, and templates.
"""
