"""Whether a camera still looks where it looked when its lines were drawn, seen from what stands still in its pictures.

    sample (1 s)  --median of 5-->  present  --compared, cell by cell-->  reference
                                       |                                      |
                                       +------- they differ, and the present is at rest: align -------+

The present is a median, so passing traffic is not in it. The reference takes one grey level a look towards the present
(the sigma-delta background of Manzanera and Richefeu 2004), so that it follows the day, and only while both agree.
Where they no longer do, the two are aligned (alignment.py): a change of light or a bus leaves the places that
are still seen where they were; a camera that was nudged moves all of them alike. A camera that sways finds no rest and
is let be. Once in a while the present is aligned with the very first reference, which finds a creeping mount.

A look holds up the pictures of a live camera. So none describes the landmarks of more than one picture, which is the
dear part of an alignment: the references are described while it is seen whether the present comes to rest.
"""

from __future__ import annotations

import math
from collections import deque
from typing import Literal

import cv2
import msgspec
import numpy as np

from stream.sight.alignment import Fit, align, alike
from stream.sight.landmarks import Landmarks
from stream.sight.medians import median
from stream.sight.samples import Samples
from stream.sight.trials import DROP, Trials

STEP_S = 1.0  # between samples
KEPT = 5  # samples of a median: half of them show the new view 3 s after a nudge
REST = 2  # looks over which the present must not change to be at rest,
RESTLESS = 0.2  # of what is usual for that, that a look replaces: rain and headlights at night are never at rest
STILL = 0.4  # and each sample shows so many of its cells: traffic hides some, a camera that sways far more
LEAST_CELLS = 8  # with detail: a picture with fewer shows nothing to hold on to
CREEP_S = 600.0  # between alignments with the first reference
NOTHING = Landmarks(np.zeros((0, 0), np.uint8))


class Moved(msgspec.Struct, frozen=True):
    """What was seen. kind: "moved" (lines can follow by the matrix), "lost" (they cannot), "back" (they can again).

    since_s: pts of the last look at the old view. matrix: f64 (3, 3) from pixels of the picture that the lines were
    drawn on to pixels of the present one.
    """

    kind: Literal["moved", "lost", "back"]
    since_s: float
    matrix: np.ndarray
    text: str


class _State(msgspec.Struct, frozen=True, array_like=True):
    matrix: list[float]
    first_matrix: list[float]
    first: bytes  # PNG; empty while the camera has not moved
    lost: bool


class Steadiness:
    """Watches one camera. points_xy: f64 (N, 2) in pixels, the ends of its lines; none: the corners of its picture."""

    def __init__(self, size_wh: tuple[int, int], points_xy: np.ndarray) -> None:
        self._samples = Samples(size_wh, points_xy)
        self._trials = Trials(self._samples)
        self._matrix = np.eye(3)  # from samples of the first view to those of the present one
        self._last: deque[np.ndarray] = deque(maxlen=KEPT)  # samples
        self._presents: deque[np.ndarray] = deque(maxlen=REST + 1)
        self._reference = self._first = NOTHING
        self._first_matrix = np.eye(3)
        self._usual = 1.0  # share of the cells that agree with the reference,
        self._rest = self._usual_rest = 1.0  # and with the present of before
        self._next_s = self._agreed_s = self._creep_s = -math.inf
        self.lost = False  # the present view has nothing to do with that of the lines

    def is_due(self, pts_s: float) -> bool:
        """Whether a look at the picture of this time is wanted."""
        return pts_s >= self._next_s

    def look(self, luma: np.ndarray, pts_s: float) -> Moved | None:
        """A picture, luma u8 (height, width) of any size; what became certain with it."""
        self._next_s = pts_s + STEP_S
        self._last.append(self._samples.take(luma))
        if len(self._last) < KEPT:
            return None
        present = median(self._last)
        self._presents.append(present)
        if not self._reference.picture.size:
            self._begin(present, pts_s)
        agree, cells = alike(self._reference.picture, present)
        if cells < LEAST_CELLS:
            self._begin(present, pts_s)  # nothing was to be seen
            return None
        self._rest = alike(self._presents[0], present)[0]
        if agree > STILL:  # the view is what it was
            self._usual_rest += RESTLESS * (self._rest - self._usual_rest)
        if agree >= self._usual - DROP:
            return self._agrees(present, agree, pts_s)
        if not self._are_described(self._first, self._reference):
            return None
        if not self._trials.is_due(agree, pts_s) or not self._is_at_rest():
            return None
        return self._try_to_align(Landmarks(present), agree, pts_s)

    def restart(self) -> None:
        """Time has passed unseen: samples of before and after do not mix."""
        self._last.clear()
        self._presents.clear()

    def _are_described(self, *references: Landmarks) -> bool:
        """Whether they are, so that an alignment has only the present to describe; one that is not is described now."""
        missing = next((one for one in references if not one.are_described), None)
        if missing is not None:
            missing.described()
        return missing is None

    def _is_at_rest(self) -> bool:
        if len(self._presents) <= REST:
            return False
        present = self._presents[-1]
        if min(alike(present, sample)[0] for sample in self._last) < STILL:
            return False
        return self._rest >= max(self._usual_rest - 2 * DROP, STILL)

    def _begin(self, present: np.ndarray, pts_s: float) -> None:
        self._reference, self._usual, self._agreed_s = Landmarks(present), 1.0, pts_s
        if not self._first.picture.size or not self._has_moved():
            self._first, self._first_matrix = self._reference, self._matrix
        self._creep_s = pts_s + CREEP_S

    def _has_moved(self) -> bool:
        return self.lost or not np.array_equal(self._matrix, np.eye(3))

    def state(self) -> bytes:
        """What restore() needs to go on from here: little, until the camera is moved; then its first view, too."""
        first = b""
        if self._has_moved() and self._first.picture.size:
            first = cv2.imencode(".png", self._first.picture)[1].tobytes()
        matrices = self._matrix.ravel().tolist(), self._first_matrix.ravel().tolist()
        return msgspec.msgpack.encode(_State(*matrices, first, self.lost))

    def restore(self, state: bytes) -> None:
        """Lines are where they were. What stands still is learnt anew, but for a view that was lost."""
        before = msgspec.msgpack.decode(state, type=_State)
        self.restart()
        self._matrix, self._first_matrix = (np.array(m).reshape(3, 3) for m in (before.matrix, before.first_matrix))
        self.lost = before.lost
        self._reference = self._first = NOTHING
        if before.first:
            picture = cv2.imdecode(np.frombuffer(before.first, np.uint8), cv2.IMREAD_GRAYSCALE)
            self._first = Landmarks(np.asarray(picture, np.uint8))
        if self.lost:
            self._reference = self._first

    def _agrees(self, present: np.ndarray, agree: float, pts_s: float) -> Moved | None:
        since_s, self._agreed_s = self._agreed_s, pts_s
        self._usual += 0.05 * (agree - self._usual)
        self._trials.forget(pts_s)
        # one level towards the present, where they differ
        reference = self._reference.picture
        up, down = present > reference, present < reference
        self._reference = Landmarks(reference + up.view(np.uint8) - down.view(np.uint8))
        if self.lost:
            self.lost = False
            return self._told("back", since_s, "the camera looks where it looked before; its lines count again")
        if pts_s < self._creep_s or not self._are_described(self._first):
            return None
        self._creep_s = pts_s + CREEP_S
        return self._look_for_creep(Landmarks(present), since_s)

    def _look_for_creep(self, now: Landmarks, since_s: float) -> Moved | None:
        """Whether the view has gone away from the first one, too slowly for the reference to tell."""
        fit, _ = align(self._first, now)
        if fit is None:
            return None
        matrix = fit.matrix @ self._first_matrix
        return self._follow(now, matrix, fit, since_s) if self._matters(matrix) else None

    def _try_to_align(self, now: Landmarks, agree: float, pts_s: float) -> Moved | None:
        self._trials.begin(agree, pts_s)
        fit, matrix, why = self._aligned(now)
        if fit is None:
            return self._does_not_fit(now, agree, why)
        if self.lost or self._matters(matrix):
            is_settled = self._trials.has_settled(matrix, fit, pts_s)
            return self._follow(now, matrix, fit, self._agreed_s) if is_settled else None
        self._usual, self._reference, self._agreed_s = agree, now, pts_s  # only the light has changed
        self._trials.forget(pts_s)
        return None

    def _aligned(self, now: Landmarks) -> tuple[Fit | None, np.ndarray, str]:
        """The fit with the first view, or else with the last; the movement since the first; why there is none."""
        before = self._first_matrix
        fit, why = align(self._first, now)
        if fit is None and self._reference is not self._first:
            before = self._matrix
            fit, why = align(self._reference, now)
        return fit, before if fit is None else fit.matrix @ before, why

    def _does_not_fit(self, now: Landmarks, agree: float, why: str) -> Moved | None:
        is_given_up = self._trials.is_given_up(agree)
        if self.lost or not is_given_up or not self._shows_much(now.picture):
            return None
        self.lost = True
        text = f"the camera looks elsewhere or is covered, and its lines cannot follow ({why}): they count no more;"
        return self._told("lost", self._agreed_s, f"{text} turn it back, or draw them anew and restart")

    def _matters(self, matrix: np.ndarray) -> bool:
        """Whether a movement since the first view takes the lines elsewhere than the present one does."""
        return self._samples.apart_px(matrix, self._matrix) >= self._samples.least_px

    def _shows_much(self, present: np.ndarray) -> bool:
        """Whether there is a view at all: in fog and in the dark there is none, and nothing can be said."""
        return 2 * alike(present, present)[1] >= alike(self._reference.picture, present)[1]

    def _follow(self, now: Landmarks, matrix: np.ndarray, fit: Fit, since_s: float) -> Moved:
        text = f"the camera was moved by {self._samples.words(matrix @ np.linalg.inv(self._matrix))}"
        text += f"; lines follow ({fit.words})"
        self._matrix, self.lost, self._reference, self._usual = matrix, False, now, 1.0
        self._agreed_s = since_s
        self._trials.forget(since_s)
        return self._told("moved", since_s, text)

    def _told(self, kind: Literal["moved", "lost", "back"], since_s: float, text: str) -> Moved:
        return Moved(kind, since_s, self._samples.full(self._matrix), text)
