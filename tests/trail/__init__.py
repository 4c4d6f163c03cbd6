"""Labelled CloudTrail records, and how well the report tells a session's from all others.

The shapes are those of AWS's documentation and of real trails; names and numbers are made up.
"""

from tests.trail.score import Outcome, outcomes, score

__all__ = ["Outcome", "outcomes", "score"]
