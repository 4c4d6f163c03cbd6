"""Where an error came from, with nothing in it that came from outside."""

from pathlib import PurePath
from traceback import extract_tb

DEEPEST = 12  # frames, the innermost


def trace(error: BaseException) -> str:
    """`runner.py:165 _do < grant.py:52 __call__`: places alone, the outermost first.

    Neither the error's own words nor any value: those may hold what somebody has sent.
    """
    frames = extract_tb(error.__traceback__)[-DEEPEST:]
    return " < ".join(f"{PurePath(f.filename).name}:{f.lineno} {f.name}" for f in frames)
