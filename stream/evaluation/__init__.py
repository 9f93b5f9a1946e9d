"""Results against truth: crossings, tracks, detections."""
