"""What is wrong with a camera's pictures becomes one gap, with a notice for each thing that happened."""

from __future__ import annotations

import numpy as np
import pytest

from stream.messages import Clock, Gap, Notice, Told
from stream.scene import Line, Scene, Zone
from stream.sight.alignment import moved
from stream.sight.freeze import Freeze
from stream.sight.lookout import Sight
from stream.sight.steadiness import Moved
from stream.sight.view import moved_scene
from stream.video import DayTime, Outage

SCENE = Scene("north", 640, 360, (Line("A", 100, 200, 500, 220), Line("edge", 560, 100, 600, 300)))
PICTURE = np.full((36, 64), 90, np.uint8)
SHIFT = np.array([[1.0, 0, 100], [0, 1, -20], [0, 0, 1]])
VIEW = tuple(SHIFT.ravel().tolist())


class Steadiness:
    """Says what it is told to say."""

    def __init__(self, moves: dict[float, Moved]) -> None:
        self.moves, self.restarts, self.lost = moves, 0, False

    def is_due(self, pts_s: float) -> bool:
        return pts_s in self.moves

    def look(self, luma: np.ndarray, pts_s: float) -> Moved:
        move = self.moves[pts_s]
        self.lost = move.kind == "lost"
        return move

    def restart(self) -> None:
        self.restarts += 1

    def state(self) -> bytes:
        return b"lost" if self.lost else b"well"

    def restore(self, state: bytes) -> None:
        self.lost = state == b"lost"


def sight_of(freeze: Freeze | None = None, **moves: tuple[float, str, float]) -> Sight:
    """moves: when, kind, since."""
    told = {at_s: Moved(kind, since_s, SHIFT, f"it was {kind}") for at_s, kind, since_s in moves.values()}  # type: ignore[arg-type]
    sight = Sight(SCENE, 3, Steadiness(told), freeze)  # type: ignore[arg-type]
    sight.hear(DayTime(0.0, 1000.0, "arrival"))
    return sight


def look(sight: Sight, *times_s: float) -> list[Told]:
    return [told for at_s in times_s for told in sight.look(PICTURE, True, at_s)]


def kinds(told: list[Told]) -> list[str]:
    return [one.kind if isinstance(one, Notice) else type(one).__name__ for one in told]


def test_time_of_day_is_told_when_the_feed_knows_it() -> None:
    told = Sight(SCENE, 3, None, None).hear(DayTime(1.0, 1001.0, "rtcp"))
    assert told == [Clock("north", 3, 1.0, 1001.0, "rtcp")]


def test_outage_is_a_gap_with_a_notice_when_the_camera_goes_and_comes() -> None:
    sight = sight_of()
    begun = sight.hear(Outage(5.0, None, 1005.0, None, "no picture for 5 s"))
    assert kinds(begun) == ["stalled", "Gap"] and "no picture for 5 s" in begun[0].text  # type: ignore[union-attr]
    assert sight.causes == {"away"} and sight.unseen_s(8.0) == 3.0
    assert sight.hear(Outage(5.0, 9.0, 1005.0, 1009.0, "no picture for 5 s")) == [
        Gap("north", 3, 5.0, 9.0, 1005.0, 1009.0, "no picture for 5 s")
    ]
    assert sight.causes == set() and sight.unseen_s(20.0) == 4.0
    assert sight._steadiness.restarts == 1  # type: ignore[union-attr]


def test_lines_follow_at_once_when_the_view_can_be_aligned() -> None:
    sight = sight_of(nudge=(10.0, "moved", 6.0))
    told = look(sight, 9.0, 10.0, 11.0)
    assert kinds(told) == ["moved", "Gap", "Gap"]
    begun, ended = told[1:]
    assert isinstance(begun, Gap) and isinstance(ended, Gap)
    assert (begun.from_s, begun.to_s, ended.to_s, ended.view) == (6.0, None, 10.0, VIEW)
    assert [line.name for line in sight.scene.lines] == ["A"]
    assert "not counted: edge" in told[0].text  # type: ignore[union-attr]


def test_nothing_is_counted_when_the_view_is_lost_until_it_is_back() -> None:
    sight = sight_of(away=(10.0, "lost", 4.0), back=(30.0, "back", 4.0))
    told = look(sight, 10.0, 20.0)
    assert kinds(told) == ["moved", "Gap"] and sight.causes == {"lost"}
    assert sight.unseen_s(20.0) == 16.0
    back = look(sight, 30.0)
    assert kinds(back) == ["moved", "Gap"] and sight.causes == set()


def test_one_gap_holds_when_several_things_go_wrong() -> None:
    sight = sight_of(away=(10.0, "lost", 4.0), back=(40.0, "back", 4.0))
    told = look(sight, 10.0)
    told += sight.hear(Outage(20.0, None, 1020.0, None, "gone"))
    told += sight.hear(Outage(20.0, 30.0, 1020.0, 1030.0, "gone"))
    told += look(sight, 31.0, 40.0)
    gaps = [one for one in told if isinstance(one, Gap)]
    assert [(gap.from_s, gap.to_s) for gap in gaps] == [(4.0, None), (4.0, 40.0)], "not counted until all is well"
    assert kinds(told).count("stalled") == 1


def test_frozen_picture_is_unobserved_when_it_lasts() -> None:
    sight = sight_of(Freeze(2.0))
    told = look(sight, 0.0, 1.0, 2.0, 3.0)
    assert kinds(told) == ["frozen", "Gap"] and told[1].from_s == 0.0  # type: ignore[union-attr]
    ended = sight.look(PICTURE + 20, True, 4.0)
    assert kinds(ended) == ["Gap"] and ended[0].to_s == 4.0  # type: ignore[union-attr]


def test_stuck_stage_is_told_once_when_pictures_pile_up() -> None:
    sight = sight_of()
    told = [one for _ in range(5) for one in sight.stuck(3.0, 5.5)]
    assert kinds(told) == ["stalled", "Gap"]
    assert kinds(look(sight, 12.0)) == ["Gap"] and sight.unseen_s(20.0) == 9.0


def test_gap_ends_with_the_last_picture_when_the_run_is_stopped() -> None:
    sight = sight_of(away=(10.0, "lost", 4.0))
    look(sight, 10.0, 15.0)
    (ended,) = sight.end()
    assert isinstance(ended, Gap) and (ended.from_s, ended.to_s) == (4.0, 15.0)
    assert sight.end() == []


def test_gap_goes_on_when_the_decoder_is_started_again() -> None:
    before = sight_of(away=(10.0, "lost", 4.0))
    look(before, 10.0, 15.0)
    after = sight_of(back=(40.0, "back", 4.0))
    after.restore(before.state())
    assert after.causes == {"lost"} and look(after, 20.0) == []
    ended = look(after, 40.0)[-1]
    assert isinstance(ended, Gap) and (ended.from_s, ended.to_s) == (4.0, 40.0)


def test_file_has_no_time_of_day_when_its_camera_was_moved() -> None:
    told = Sight(SCENE, 0, Steadiness({1.0: Moved("lost", 0.5, SHIFT, "")}), None).look(PICTURE, True, 1.0)  # type: ignore[arg-type]
    assert told[1].from_utc_s is None  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("crop", "x2"), [(None, 600.0), ((0, 0, 400, 360), 400.0)], ids=["the whole picture", "a part of it"]
)
def test_line_is_cut_where_nothing_is_seen(crop: tuple[int, int, int, int] | None, x2: float) -> None:
    scene = Scene("north", 640, 360, (Line("A", 100, 200, 500, 220),), crop_xyxy=crop)
    (line,) = moved_scene(scene, VIEW).lines
    assert (line.x1, line.y1, line.x2) == pytest.approx((200, 180, x2))
    assert line.y2 == pytest.approx(180 + 0.05 * (x2 - 200))


def test_line_is_left_out_when_it_is_out_of_sight() -> None:
    assert moved_scene(SCENE, (1, 0, 0, 0, 1, 400, 0, 0, 1)).lines == ()


def test_zone_moves_when_the_view_does() -> None:
    zone = Zone("box", ((10.0, 10.0), (60.0, 10.0), (60.0, 50.0)))
    scene = Scene("north", 640, 360, zones=(zone,))
    corners = np.array(moved_scene(scene, VIEW).zones[0].corners_xy)
    assert np.allclose(corners, moved(SHIFT, np.array(zone.corners_xy)))
