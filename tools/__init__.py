"""Set-up and operations: `python -m tools` lists the commands. None of it ships to Lambda.

Each module here with a SUMMARY is a command: it has `add_arguments(parser)` and `run(args)`, which
returns the exit code. What begins with an underscore is shared by them.
"""
