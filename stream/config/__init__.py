"""The configuration of a run: its schema, reading it, and saying what is wrong with it."""
