"""Weights in files: our own, checked; published ones; and what is kept of them on this machine."""
