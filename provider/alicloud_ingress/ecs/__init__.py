"""
How ECS is spoken to: the SDK, its transport, its answers, and few calls for many.
"""
