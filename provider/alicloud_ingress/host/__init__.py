"""
The process of the dynamic host: what its resources share, and its threads.
"""
