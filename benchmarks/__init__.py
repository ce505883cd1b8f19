"""
Measures the provider, and the engine alone.
"""
