"""A junction without its traffic: asphalt with round kerbs, footways, stop lines, crossings for people."""

from __future__ import annotations

import numpy as np

from stream.synth.arms import HALF_M, LINE_M, REACH_M, STOP_M, WALK_M, Arm, Junction
from stream.synth.camera import RoadCamera
from stream.synth.ground import ASPHALT, KERB_STONE, PAVING, WHITE_PAINT, Ground, grass, lay
from stream.synth.road import FOOTWAY_M, KERB_M, LANE_M
from stream.synth.site import Thing

TALL_M = {"tree": 7.0, "house": 12.0, "bush": 1.5}
WIDE_M = {"tree": 3.0, "house": 7.0, "bush": 1.0}
KEPT_FREE_M = LINE_M + 25.0  # from the middle: so far nothing stands before the road


class JunctionSite:
    """Around a junction, as a camera sees it."""

    def __init__(self, junction: Junction, camera: RoadCamera) -> None:
        self._junction, self._eye_m = junction, camera.position_m

    @property
    def lit_m(self) -> list[tuple[float, float]]:
        return [
            (float(x), float(y)) for arm in self._junction.arms for x, y in (arm.at(11, HALF_M), arm.at(38, -HALF_M))
        ]

    def surface(self, ground: Ground, rng: np.random.Generator) -> np.ndarray:
        off, patchy = self._junction.off_kerb(ground.x_m, ground.y_m).astype(np.float32), ground.noise(0.4)[..., None]
        picture = lay(grass(ground), PAVING * (1 + 0.03 * patchy), ground.soft(KERB_M + FOOTWAY_M - off))
        picture = lay(picture, KERB_STONE * (1 + 0.02 * patchy), ground.soft(KERB_M - off))
        tone = 1 + 0.030 * ground.noise(0.12) + 0.022 * ground.noise(0.5) + 0.03 * ground.noise(4.0)
        asphalt = ASPHALT * (tone * self._mended(ground, rng))[..., None]
        picture = lay(picture, asphalt, ground.soft(-off))
        picture = lay(picture, picture * 0.82, ground.soft(0.14 - np.abs(off + 0.12)))
        worn = np.clip(0.84 + 0.10 * ground.noise(0.3) + 0.08 * ground.noise(2.0), 0.2, 1)
        paint = np.clip(sum((_marks(ground, arm) for arm in self._junction.arms), np.zeros_like(worn)), 0, 1)
        return lay(picture, np.broadcast_to(WHITE_PAINT, picture.shape), paint * worn)

    def _mended(self, ground: Ground, rng: np.random.Generator) -> np.ndarray:
        """Patches of other asphalt along the arms, and manhole covers: a factor (H, W)."""
        tone = np.ones_like(ground.x_m)
        for arm in self._junction.arms:
            out, aside = arm.own(ground.x_m, ground.y_m)
            for _ in range(3):
                near, left = rng.uniform(0, 30), rng.uniform(-HALF_M, HALF_M - 1)
                long, wide = rng.uniform(1, 7), rng.uniform(0.6, 2.0)
                mended = (out > near) & (out < near + long) & (aside > left) & (aside < left + wide)
                tone[mended] *= rng.choice([0.84, 0.90, 1.07])
            tone[np.hypot(out - rng.uniform(2, 30), aside - rng.uniform(-3, 3)) < 0.36] *= 0.78
        return tone

    def things(self, rng: np.random.Generator) -> list[Thing]:
        made: list[Thing] = []
        for what, tries, beside_m in (("house", 60, 6.5), ("tree", 110, 2.5), ("bush", 70, 1.2)):
            for x, y in zip(rng.uniform(-75, 75, tries).tolist(), rng.uniform(14, 150, tries).tolist(), strict=True):
                far_enough = all((x - a) ** 2 + (y - b) ** 2 > WIDE_M[what] ** 2 * 3 for b, _, a in made)
                if far_enough and self._is_free(what, np.array([x, y]), beside_m):
                    made.append((y, what, x))
        posts = [arm.at(*place) for arm in self._junction.arms for place in ((11, HALF_M + 3), (38, -HALF_M - 3))]
        return [*made, *((float(y), "post", float(x)) for x, y in posts if y > 6)]

    def _is_free(self, what: str, at: np.ndarray, beside_m: float) -> bool:
        """Whether it stands beside the road and hides no piece of it that matters."""
        off_m = KERB_M + FOOTWAY_M + beside_m
        if self._junction.off_kerb(at[:1], at[1:])[0] < off_m:
            return False
        away = at - self._eye_m[:2]
        left = np.array([-away[1], away[0]]) / np.hypot(*away)
        high = max(1 - TALL_M[what] / float(self._eye_m[2]), 0.05)  # its shadow, were the camera a lamp, ends there
        along = np.linspace(1.0, min(1 / high, 120 / float(np.hypot(*away))), 40)
        spots = np.concatenate([self._eye_m[:2] + along[:, None] * away + side * WIDE_M[what] * along[:, None] * left
                                for side in (-1, 0, 1)])  # fmt: skip
        near = np.hypot(*(spots - self._junction.arms[0].middle_m).T) < KEPT_FREE_M
        return not (near & (self._junction.off_kerb(*spots.T) < 0.5)).any()


def _marks(ground: Ground, arm: Arm) -> np.ndarray:
    """Where an arm is painted white: its middle, the stop line, the stripes where people cross."""
    out, aside = arm.own(ground.x_m, ground.y_m)
    straight = ground.soft(0.2 - np.abs(out - STOP_M)) * ground.soft(LANE_M / 2 - 0.15 - np.abs(aside - LANE_M / 2))
    near = (out > STOP_M) & (out < STOP_M + 12) & (np.abs(aside) < 1)
    dash = (np.abs((out % 6.0) - 1.5) < 1.5) & (out > STOP_M + 12) & (out < REACH_M + 60)
    middle = ground.soft(0.07 - np.abs(aside)) * (near | dash)
    stripes = ground.soft(0.25 - np.abs(((aside + 50) % 1.0) - 0.5)) * (np.abs(aside) < HALF_M - 0.3)
    walk = stripes * ground.soft((WALK_M[1] - WALK_M[0]) / 2 - np.abs(out - sum(WALK_M) / 2))
    return straight + middle + walk
