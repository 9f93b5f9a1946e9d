"""The filter over many boxes against filterpy, and its belief under any input."""

import numpy as np
import pytest
from filterpy.common import Q_continuous_white_noise
from filterpy.kalman import KalmanFilter
from hypothesis import given
from hypothesis import strategies as st

from stream.tracking import kalman

AXES = ((0, 0), (0, 1), (1, 0), (1, 1))  # centre x, centre y, width, height


def oracle(box: np.ndarray, box_variance: float, velocity_variance: np.ndarray) -> KalmanFilter:
    """One track, box (4,), as filterpy's dense filter: states value, velocity for each of the four axes."""
    filter_ = KalmanFilter(dim_x=8, dim_z=4)
    filter_.x[0::2, 0] = box.ravel()
    filter_.P = np.diag([v for group, _ in AXES for v in (box_variance, velocity_variance[group])])
    filter_.H = np.kron(np.eye(4), [[1.0, 0.0]])
    return filter_


def step(filter_: KalmanFilter, dt_s: float, noise: np.ndarray) -> None:
    blocks = [Q_continuous_white_noise(2, dt_s, noise[group]) for group, _ in AXES]
    filter_.Q = np.zeros((8, 8))
    for at, block in enumerate(blocks):
        filter_.Q[2 * at : 2 * at + 2, 2 * at : 2 * at + 2] = block
    filter_.F = np.kron(np.eye(4), [[1.0, dt_s], [0.0, 1.0]])
    filter_.predict()


def test_matches_filterpy_when_observed_with_gaps_and_uneven_time() -> None:
    random = np.random.default_rng(3)
    n, density = 5, (80.0, 3.0)
    box = random.uniform(20, 200, (4, n))
    variance, speeds = random.uniform(1, 9, n), random.uniform(10, 900, (2, n))
    belief = kalman.begin(box, variance, speeds)
    filters = [oracle(box[:, k], variance[k], speeds[:, k]) for k in range(n)]
    for frame in range(60):
        dt_s, unit = random.uniform(0, 0.2), random.uniform(0.1, 6, n)
        belief[kalman.UNIT] = unit
        kalman.predict(belief, dt_s, density)
        seen = random.random(n) < 0.7
        box = random.uniform(20, 200, (4, n))
        variance = random.uniform(0.5, 9, n)
        now = belief[:, seen]
        kalman.update(now, box[:, seen], variance[seen])
        belief[:, seen] = now
        mean, cov = kalman.parts(belief)
        for k, filter_ in enumerate(filters):
            step(filter_, dt_s, unit[k] * np.array(density))
            if seen[k]:
                filter_.update(box[:, k].reshape(4, 1), R=np.eye(4) * variance[k])
            for at, (group, axis) in enumerate(AXES):
                np.testing.assert_allclose(
                    mean[:, group, axis, k], filter_.x[2 * at : 2 * at + 2, 0], rtol=1e-9, atol=1e-9
                )
                block = filter_.P[2 * at : 2 * at + 2, 2 * at : 2 * at + 2]
                want = [block[0, 0], block[0, 1], block[1, 1]]
                np.testing.assert_allclose(cov[:, group, k], want, rtol=1e-9, atol=1e-9, err_msg=str(frame))


def test_velocity_observation_matches_filterpy() -> None:
    box = np.array([[100.0], [50.0], [40.0], [30.0]])
    belief = kalman.begin(box, np.array([4.0]), np.array([[400.0], [25.0]]))
    belief[kalman.UNIT] = 1.0
    kalman.predict(belief, 0.4, (90.0, 9.0))
    filter_ = oracle(box[:, 0], 4.0, np.array([400.0, 25.0]))
    step(filter_, 0.4, np.array([90.0, 9.0]))
    velocity = np.array([[30.0], [-12.0], [1.0], [2.0]])
    kalman.steer(belief, velocity, np.array([7.0]))
    mean, cov = kalman.parts(belief)
    filter_.update(velocity.reshape(4, 1), R=np.eye(4) * 7.0, H=np.kron(np.eye(4), [[0.0, 1.0]]))
    np.testing.assert_allclose(mean.reshape(2, 4).T.ravel(), filter_.x[:, 0], atol=1e-9)
    np.testing.assert_allclose(cov[:, 1, 0], [filter_.P[6, 6], filter_.P[6, 7], filter_.P[7, 7]], atol=1e-9)


@given(st.floats(0, 2), st.floats(0, 2))
def test_prediction_is_the_same_in_one_step_or_two(first_s: float, second_s: float) -> None:
    box = np.array([[100.0], [50.0], [40.0], [30.0]])
    one, two = (kalman.begin(box, np.array([4.0]), np.array([[400.0], [25.0]])) for _ in range(2))
    one[kalman.UNIT] = two[kalman.UNIT] = 1.0
    kalman.predict(one, first_s + second_s, (90.0, 9.0))
    kalman.predict(two, first_s, (90.0, 9.0))
    kalman.predict(two, second_s, (90.0, 9.0))
    np.testing.assert_allclose(one, two, rtol=1e-9, atol=1e-9)


@given(st.lists(st.tuples(st.floats(0, 5), st.booleans(), st.floats(-1e5, 1e5), st.floats(1e-3, 1e4)), max_size=30))
def test_covariance_stays_positive_definite(steps: list[tuple[float, bool, float, float]]) -> None:
    belief = kalman.begin(np.full((4, 1), 10.0), np.array([1.0]), np.full((2, 1), 100.0))
    belief[kalman.UNIT] = 1.0
    for dt_s, seen, value, variance in steps:
        kalman.predict(belief, dt_s, (5.0, 5.0))
        if seen:
            kalman.update(belief, np.full((4, 1), value), np.array([variance]))
    mean, cov = kalman.parts(belief)
    assert np.isfinite(mean).all()
    assert (cov[0] > 0).all()
    assert (cov[2] > 0).all()
    assert (cov[0] * cov[2] > cov[1] ** 2).all()


@pytest.mark.parametrize("dt_s", [0.0, 1 / 60, 10.0])
def test_still_object_stays_when_predicted(dt_s: float) -> None:
    belief = kalman.begin(np.full((4, 3), 10.0), np.ones(3), np.ones((2, 3)))
    kalman.predict(belief, dt_s, (1.0, 1.0))
    assert (belief[:4] == 10).all()
