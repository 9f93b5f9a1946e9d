"""The running system of roadtally: decode, detect, segment, track, count, record."""

__version__ = "0.1.0"
