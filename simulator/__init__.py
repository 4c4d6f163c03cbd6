"""A local AWS, a pretend Slack and the people of a small company: where the real app is tried out.

Nothing in here ships to Lambda, and nothing that ships imports it.
"""
