"""Detections to tracks: one Kalman filter a road user, one table a camera."""
