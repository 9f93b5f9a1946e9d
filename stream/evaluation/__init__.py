"""Results of a run against truth: crossings, tracks, and why a count is wrong."""
