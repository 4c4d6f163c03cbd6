"""Deterministic simulation: the real runner over a pretend outside, a virtual clock, and faults.

`python -m tests.simulation` says how to run it.
"""
