"""
Reads previews of Pulumi, judges what they open and close, and reports it.
"""
