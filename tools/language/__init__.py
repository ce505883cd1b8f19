"""
Keeps the language of the project plain: a list of phrases, and a search for them.
"""
