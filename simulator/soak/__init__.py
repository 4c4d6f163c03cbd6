"""A soak: sessions on the really deployed app while everything fails, judged from outside.

plan.py draws from a seed what happens when, drive.py does it to a world, evidence.py is what was
seen, judge.py says what was not kept, and lags.py how long access stood, by fault.
"""
