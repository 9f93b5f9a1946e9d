"""Counting: the tracks of a camera to crossings of lines and visits of zones."""

from stream.counting.counter import Counter

__all__ = ["Counter"]
