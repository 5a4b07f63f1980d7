"""Checks that answer an exercise in steps: not attempted, wrong type, wrong shape, wrong value, right.

An `Exercise` knows a reference solution, the inputs to try and a catalogue of mistakes that people make, each
a wrong function with the hint that helps. A candidate that behaves like one of them gets that hint.
"""

from .engine import Exercise, Verdict

__all__ = ["Exercise", "Verdict"]
