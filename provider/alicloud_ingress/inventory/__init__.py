"""
Lists existing rules, imports them, and moves them over from pulumi-alicloud.
"""
