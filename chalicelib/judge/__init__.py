"""Judges what a CloudTrail record did, by its request: how heavy, why, to what and with what."""
