"""
ECS: one call, its retries and its responses; a group's shared reads and batched writes.
"""
