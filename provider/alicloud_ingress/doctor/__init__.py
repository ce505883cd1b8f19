"""
Checks this machine and the access to ECS, and says how to fix what fails.
"""
