"""Sun, sky and lamps: how bright a surface is at day, at dusk and at night. Colours are BGR, 0 to 255."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from stream.synth.settings import Light

Colour = tuple[float, float, float]


@dataclass(frozen=True, slots=True, eq=False)
class Daylight:
    """to_sun (3,) unit vector in road axes; sun and sky are what they add to a white surface, BGR (3,), 1 = full."""

    to_sun: np.ndarray
    sun: np.ndarray
    sky: np.ndarray
    haze: np.ndarray  # BGR (3,), the colour that far things fade to
    shadow: float  # how much of the light a cast shadow takes, 0..1
    exposure: np.ndarray  # BGR (3,), applied to the whole picture at the end
    lamps: bool
    noise: float  # standard deviation of the sensor noise, in grey levels

    def shade(self, colour: np.ndarray, normal: np.ndarray, gloss: np.ndarray) -> np.ndarray:
        """Colours (N, 3), unit normals (N, 3), gloss (N,) in 0..1 -> what the camera sees (N, 3)."""
        facing = np.clip(normal @ self.to_sun, 0, None)[:, None]
        skyward = 0.70 + 0.30 * normal[:, 2:]
        lit = colour * (self.sky * skyward + self.sun * facing)
        mirror = gloss[:, None] * np.clip(0.25 + 0.75 * normal[:, 2:], 0, 1)  # glossy faces mirror the sky
        return np.clip(lit * (1 - 0.6 * mirror) + mirror * self.haze * 0.62, 0, 255)

    def veil(self, away_m: np.ndarray | float) -> np.ndarray:
        """How much haze lies over something so many metres away, 0..1."""
        return 1 - np.exp(-np.maximum(np.subtract(away_m, 20.0), 0) / 420)

    def cast(self, points_m: np.ndarray) -> np.ndarray:
        """Where the shadows of points (N, 3) fall on the ground; straight below them when the sun is too low."""
        if self.to_sun[2] <= 0.3:
            return points_m * (1, 1, 0)
        return points_m - self.to_sun * (points_m[:, 2:] / self.to_sun[2])


def daylight(light: Light, seed: int) -> Daylight:
    """The light of a clip; the sun's place by seed."""
    rng = np.random.default_rng([seed, 3])
    azimuth = rng.uniform(0.45, 1.1) if rng.random() < 0.5 else rng.uniform(2.05, 2.7)
    height = {"day": rng.uniform(0.75, 0.95), "dusk": 0.16, "night": 1.4}[light]
    to_sun = np.array([np.cos(azimuth) * np.cos(height), -abs(np.sin(azimuth)) * np.cos(height), np.sin(height)])
    grey = np.ones(3)
    if light == "day":
        haze = np.array([226.0, 216.0, 206.0])
        return Daylight(
            to_sun, np.array([0.56, 0.62, 0.65]), np.array([0.66, 0.63, 0.61]), haze, 0.46, grey, False, 2.6
        )
    if light == "dusk":
        haze = np.array([196.0, 176.0, 172.0])
        exposure = np.array([0.74, 0.66, 0.64])
        return Daylight(to_sun, np.array([0.12, 0.20, 0.30]), 0.72 * grey, haze, 0.22, exposure, True, 4.0)
    exposure = np.array([0.25, 0.22, 0.22])
    return Daylight(to_sun, 0.1 * grey, 0.75 * grey, np.array([60.0, 48.0, 44.0]), 0.25, exposure, True, 5.5)
