"""
Text for people: safe markup, and templates.
"""
