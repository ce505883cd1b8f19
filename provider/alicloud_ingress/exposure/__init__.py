"""
Who may reach what through a group's rules, exactly. Pure.
"""
