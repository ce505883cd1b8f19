"""
Parts of the documentation that are generated from code and measurements.
"""
