"""MiniStack with the gaps closed that the app, its deployment and its tests fall into.

Each module closes one gap and says which. Importing MiniStack reads the environment, so set
GATEWAY_PORT, TMPDIR and AUTH before importing anything in here.
"""
