"""A camera is nudged in the middle of a run: what a person gets."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from stream.config.file import parse
from stream.records.store import Store
from stream.results.replay import lanes_of, recount, stored_config
from tests.blobs import HEIGHT, WIDTH
from tests.build import Encoding, make_clip
from tests.pipeline.runs import configure, run

FPS, CYCLE, NUDGED_S, CYCLES = 10, 50, 10, 7
SHIFT_XY = (-30, 16)
LINE_Y = HEIGHT / 2


def place() -> np.ndarray:
    """Light houses and markings, nothing as dark as a blob; larger than the picture on all sides."""
    chance = np.random.default_rng(3)
    picture = np.full((HEIGHT + 80, WIDTH + 80), 150, np.uint8)
    for _ in range(90):
        x, y, w, h = chance.integers((0, 0, 5, 5), (WIDTH + 80, HEIGHT + 80, 50, 40)).tolist()
        cv2.rectangle(picture, (x, y), (x + w, y + h), int(chance.integers(100, 240)), -1)
    return cv2.GaussianBlur(picture, (0, 0), 0.8)


def pictures() -> list[np.ndarray]:
    """Every CYCLE pictures one blob goes down over the line and one up; at NUDGED_S the camera is nudged."""
    ground, seen = place(), []
    for k in range(CYCLES * CYCLE):
        world = ground.copy()
        y = 4 * (k % CYCLE)
        for x, top in ((100, 40 + y - 20), (200, 40 + HEIGHT - 20 - y)):
            cv2.rectangle(world, (x, top), (x + 35, top + 24), 15, -1)
        dx, dy = SHIFT_XY if k >= NUDGED_S * FPS else (0, 0)
        view = world[40 - dy : 40 - dy + HEIGHT, 40 - dx : 40 - dx + WIDTH]
        seen.append(cv2.cvtColor(np.ascontiguousarray(view), cv2.COLOR_GRAY2BGR))
    return seen


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_clip(tmp_path_factory.mktemp("moved") / "road.mp4", pictures(), encoding=Encoding(fps=FPS))


def test_lines_follow_and_the_time_between_is_unobserved_when_the_camera_is_nudged(clip: Path, tmp_path: Path) -> None:
    raw = configure([clip], tmp_path)
    report = run(raw)
    assert report.exit_code == 0, report.outcome.error
    (gap,) = report.summary.gaps
    assert gap.reason == "the camera was moved" and gap.to_s is not None
    assert NUDGED_S - 2 <= gap.from_s <= NUDGED_S + 2 and gap.to_s - NUDGED_S <= 10
    store = Store(tmp_path / "events.sqlite")
    ((_, text),) = store.notes("moved")
    store.close()
    assert "the camera was moved by 34 px" in text and "lines follow" in text
    values = report.outcome.values
    assert values['roadtally_notices_total{camera="road",kind="moved"}'] == 1
    assert values['roadtally_unseen_seconds_total{camera="road"}'] == pytest.approx(gap.to_s - gap.from_s)
    after = [crossing for crossing in report.summary.crossings if crossing.pts_s > gap.to_s]
    cycles_left = CYCLES - int(gap.to_s * FPS / CYCLE) - 1
    assert 2 * cycles_left <= len(after) <= 2 * cycles_left + 2
    assert [crossing.y for crossing in after] == pytest.approx([LINE_Y + SHIFT_XY[1]] * len(after), abs=2.5)
    again = recount(*lanes_of(tmp_path, stored_config(tmp_path)), parse(raw, "test").counting)
    assert again.crossings == report.summary.crossings, "the replay follows as the run did"


def test_lines_stay_when_the_view_is_said_to_be_fixed(clip: Path, tmp_path: Path) -> None:
    raw = configure([clip], tmp_path)
    raw["cameras"][0]["view"] = "fixed"
    report = run(raw)
    assert report.exit_code == 0 and report.summary.gaps == []
    assert [c.y for c in report.summary.crossings] == pytest.approx([LINE_Y] * len(report.summary.crossings), abs=2.5)
