"""
What rules mean for packets: boxes, planes, who reaches what, and what does nothing.
"""
