"""
Bring the rules of a group to what a program wants: plan, send, verify, report.
"""
