"""
The dynamic provider as the Pulumi engine calls it, in the engine's types.
"""
