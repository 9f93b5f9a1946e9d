"""How one picture became another by all that is fine in it, where there are too few landmarks: bare asphalt, snow.

The spectra of two pictures do not change when a camera is shifted; in polar coordinates with a logarithmic radius a
zoom and a turn are shifts of them (Reddy and Chatterji 1996). That is a guess good to a few pixels, which is made exact
by raising the correlation of the pictures themselves (Evangelidis and Psarakis 2008). How high it becomes says whether
the two show the same: views that have nothing in common stay below 0.15, the same place is above 0.35.
"""

from __future__ import annotations

import cv2
import numpy as np

SPECTRUM = 512  # its side, px; larger for larger pictures
RADII, ANGLES = 256, 180  # of the polar spectrum: from the middle outwards, half a turn
RINGS = slice(90, 250)  # of the radii: within is light and shade, outside the corners of the spectrum
STRONG = 6.0  # grey levels of detail: what is stronger counts hardly more, or lamps would outshine everything
LIKELY = 0.1  # height of the peak that the shift is read from: where there is none, raising would be in vain
STEPS, ENOUGH, BLUR_PX = 60, 1e-5, 5  # of raising the correlation
ALIKE = 0.3  # the correlation of pictures that show the same
LEAST_COMMON = 0.3  # of the picture, that both show


def fit_texture(before: np.ndarray, now: np.ndarray) -> tuple[np.ndarray, float] | None:
    """(Matrix f64 (3, 3) from pixels of the one picture u8 (h, w) to those of the other, correlation); None where they
    cannot be shown to be of the same place."""
    a, b = _fine(before), _fine(now)
    guess, peak = _guess(a, b)
    if peak < LIKELY:
        return None
    back = cv2.invertAffineTransform(guess).astype(np.float32)
    until = (cv2.TERM_CRITERIA_COUNT | cv2.TERM_CRITERIA_EPS, STEPS, ENOUGH)
    try:
        correlation, back = cv2.findTransformECC(b, a, back, cv2.MOTION_AFFINE, until, None, BLUR_PX)  # type: ignore[call-overload]
    except cv2.error:  # the guess was so wrong that no way leads upwards
        return None
    there = cv2.invertAffineTransform(back)
    common = cv2.warpAffine(np.ones_like(a), there, a.shape[::-1]).mean()
    if correlation < ALIKE or common < LEAST_COMMON:
        return None
    return np.vstack([there, (0.0, 0.0, 1.0)]).astype(np.float64), float(correlation)


def _guess(a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, float]:
    """(Zoom, turn and shift f64 (2, 3); how sure the shift is, 0 to 1)."""
    height, width = a.shape
    side = max(SPECTRUM, *a.shape)
    rings = [_polar(one, side) for one in (a, b)]
    (farther, turned), _ = cv2.phaseCorrelate(rings[0], rings[1], _window(rings[0].shape))
    zoom, degrees = (side / 2) ** (-farther / RADII), -turned * 180 / ANGLES
    matrix = cv2.getRotationMatrix2D((width / 2, height / 2), degrees, zoom)
    shift, peak = cv2.phaseCorrelate(cv2.warpAffine(a, matrix, (width, height)), b, _window(a.shape))
    matrix[:, 2] += np.array(shift)
    return np.asarray(matrix), peak


def _fine(picture: np.ndarray) -> np.ndarray:
    """What is finer than a few pixels, f32 (h, w) within -1 and 1."""
    smooth = cv2.GaussianBlur(picture, (0, 0), 1.0).astype(np.float32)
    return np.asarray(np.tanh((smooth - cv2.boxFilter(smooth, -1, (15, 15))) / STRONG), np.float32)


def _polar(fine: np.ndarray, side: int) -> np.ndarray:
    """How strong which fineness is in which direction, f32 (directions, logarithms of fineness)."""
    height, width = fine.shape
    padded = np.zeros((side, side), np.float32)
    padded[:height, :width] = fine * _window(fine.shape)
    strength = np.log1p(np.abs(np.fft.fftshift(np.fft.fft2(padded)))).astype(np.float32)
    middle, how = (side / 2, side / 2), cv2.INTER_LINEAR | cv2.WARP_POLAR_LOG
    polar = cv2.warpPolar(strength, (RADII, 2 * ANGLES), middle, side / 2, how)[:ANGLES, RINGS]
    return np.ascontiguousarray(polar - cv2.GaussianBlur(polar, (0, 0), 8.0))


def _window(shape: tuple[int, ...]) -> np.ndarray:
    """Fades towards the borders, which are not part of what is seen."""
    return cv2.createHanningWindow((shape[1], shape[0]), cv2.CV_32F)
