"""
The rules that exist: listed, imported, taken over from another provider.
"""
