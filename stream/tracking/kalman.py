"""A constant-velocity Kalman filter over many boxes at once.

A box is (cx, cy, w, h), each with a velocity: eight numbers. The four axes do not mix, so the 8x8 filter is four
filters of two states, and since the noise of the centre is the same along x and y, and that of the size along w
and h, two covariances of three numbers serve all four. What is believed of N boxes is an array f64 (15, N):

    mean   0 to 7     value of cx, cy, w, h; then their velocities                                    px, px/s
    cov    8 to 13    var(value), cov(value, velocity), var(velocity); each of centre, then of size   px², px²/s, px²/s²
    unit   14         the square of the length that the noise of the motion scales with               px²

so that a prediction is one product with a small matrix. Process noise is white acceleration in continuous time
(filterpy's Q_continuous_white_noise; Bar-Shalom, Estimation with Applications to Tracking and Navigation, 2001, section
6.2): two steps of dt are exactly one step of 2 dt, so neither the frame rate nor a skipped frame changes what is
believed.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

ROWS, UNIT = 15, 14


def parts(belief: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Views of mean (2, 2, 2, N), [value | velocity, centre | size, x | y], and cov (3, 2, N) of (15, N)."""
    return belief[:8].reshape(2, 2, 2, -1), belief[8:14].reshape(3, 2, -1)


def predict(belief: np.ndarray, dt_s: float, noise: tuple[float, float]) -> None:
    """Move ahead by dt_s >= 0, in place. noise: spectral density of the acceleration of centre and size, units/s³."""
    np.matmul(_transition(dt_s, noise), belief, out=belief[:UNIT])


@lru_cache(maxsize=64)  # most frames of a camera are equally far apart
def _transition(dt_s: float, noise: tuple[float, float]) -> np.ndarray:
    """What mean and cov after dt_s are made of: (14, 15)."""
    step = np.zeros((14, ROWS))
    step[:8, :8] = np.kron([[1.0, dt_s], [0.0, 1.0]], np.eye(4))
    step[8:, 8:14] = np.kron([[1.0, 2 * dt_s, dt_s * dt_s], [0.0, 1.0, dt_s], [0.0, 0.0, 1.0]], np.eye(2))
    step[8:, UNIT] = np.kron([dt_s**3 / 3, dt_s**2 / 2, dt_s], noise)
    return step


def update(belief: np.ndarray, box: np.ndarray, noise: np.ndarray) -> None:
    """Take in an observation of every box, in place.

    box f64 (4, N): observed centre and size, px. noise f64 (N,): variance of each observed number, px².
    """
    mean, cov = parts(belief)
    gain = cov[:2] / (cov[0] + noise)  # (2, 2, N): for value and velocity
    mean += gain[:, :, None] * (box.reshape(2, 2, -1) - mean[0])
    spread = cov[2]
    spread -= gain[1] * cov[1]
    np.multiply(gain, noise, out=cov[:2])  # (1 - gain of the value) * cov, without the loss of digits


def steer(belief: np.ndarray, velocity: np.ndarray, variance: np.ndarray) -> None:
    """Take in an observation of the velocity of every box, in place: velocity f64 (4, N), variance f64 (N,)."""
    mean, cov = parts(belief)
    gain = cov[1:] / (cov[2] + variance)
    mean += gain[:, :, None] * (velocity.reshape(2, 2, -1) - mean[1])
    cov[0] -= gain[0] * cov[1]
    np.multiply(gain, variance, out=cov[1:])


def begin(box: np.ndarray, box_variance: np.ndarray, velocity_variance: np.ndarray) -> np.ndarray:
    """The belief after one observation. box f64 (4, N), box_variance f64 (N,), velocity_variance f64 (2, N)."""
    belief = np.zeros((ROWS, box.shape[1]))
    belief[:4] = box
    belief[8:10], belief[12:14] = box_variance, velocity_variance
    return belief
