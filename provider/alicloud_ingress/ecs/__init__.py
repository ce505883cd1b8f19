"""
Calls of ECS: retries, responses and credentials; shared reads and batched writes.
"""
