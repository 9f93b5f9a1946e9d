"""A constant-velocity Kalman filter over many boxes at once.

A box is (cx, cy, w, h), each with a velocity: eight numbers. The four axes do not mix, so the 8x8 filter is four
filters of two states, and since the noise of the centre is the same along x and y, and that of the size along w
and h, two covariances of three numbers serve all four. Both steps are then a few array operations for all tracks:

    mean  f64 (2, 2, 2, N)   [value | velocity, centre | size, x | y, track]     px, px/s
    cov   f64 (3, 2, N)      [var(value) | cov(value, velocity) | var(velocity), centre | size, track]

Process noise is white acceleration in continuous time (filterpy's Q_continuous_white_noise; Bar-Shalom, Estimation with
Applications to Tracking and Navigation, 2001, section 6.2): two steps of dt are exactly one step of 2 dt, so neither
the frame rate nor a skipped frame changes what is believed. Noise scales with the height of the box.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np


def predict(mean: np.ndarray, cov: np.ndarray, dt_s: float, noise: np.ndarray) -> None:
    """Move mean and cov ahead by dt_s >= 0, in place. cov is C-contiguous.

    noise f64 (2, N): spectral density of the acceleration of centre and size, px²/s³.
    """
    mean[0] += dt_s * mean[1]
    flat = cov.reshape(3, -1)
    step, white = _transition(dt_s)
    np.add(step @ flat, white * noise.reshape(1, -1), out=flat)


@lru_cache(maxsize=16)  # most frames of a camera are equally far apart
def _transition(dt_s: float) -> tuple[np.ndarray, np.ndarray]:
    """How the three numbers of a covariance, (3, 3), and a unit of noise, (3, 1), act on it after dt_s."""
    step = np.array([[1.0, 2 * dt_s, dt_s * dt_s], [0.0, 1.0, dt_s], [0.0, 0.0, 1.0]])
    return step, np.array([[dt_s**3 / 3], [dt_s**2 / 2], [dt_s]])


def update(mean: np.ndarray, cov: np.ndarray, box: np.ndarray, noise: np.ndarray) -> None:
    """Take in an observation of every box, in place.

    box f64 (2, 2, N): observed centre and size, px. noise f64 (N,): variance of each observed number, px².
    """
    gain = cov[:2] / (cov[0] + noise)  # (2, 2, N): for value and velocity
    mean += gain[:, :, None] * (box - mean[0])
    cov[2] -= gain[1] * cov[1]
    np.multiply(gain, noise, out=cov[:2])  # (1 - gain of the value) * cov, without the loss of digits


def steer(mean: np.ndarray, cov: np.ndarray, velocity: np.ndarray, variance: np.ndarray) -> None:
    """Take in an observation of the velocity of every box, in place: velocity f64 (2, 2, N), variance f64 (N,)."""
    gain = cov[1:] / (cov[2] + variance)
    mean += gain[:, :, None] * (velocity - mean[1])
    cov[0] -= gain[0] * cov[1]
    np.multiply(gain, variance, out=cov[1:])


def begin(box: np.ndarray, box_variance: np.ndarray, velocity_variance: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The belief after one observation. box f64 (2, 2, N), box_variance f64 (N,), velocity_variance f64 (2, N)."""
    mean = np.zeros((2, *box.shape))
    mean[0] = box
    cov = np.zeros((3, 2, box.shape[-1]))
    cov[0], cov[2] = box_variance, velocity_variance
    return mean, cov
