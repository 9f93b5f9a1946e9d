"""What travels between stages: frozen structs of arrays, validated once, at construction.

    decode ── Decoded ──> detect ── Detected ──> (segment ── Detected ──>) track ── Counted ──> record
       └── in band, in order: Clock, Gap, Notice, Checkpoint, Restore; EndOfStream ─────┘

Units and layouts: `xyxy` is left, top, right, bottom in pixels of the source picture; times named `_s` are
seconds, `_ns` are nanoseconds; `label` is an index into LABELS.
"""

from __future__ import annotations

from typing import Literal

import msgspec
import numpy as np

LABELS: tuple[str, ...] = ("person", "bicycle", "car", "motorcycle", "bus", "truck")
"""The six classes of road users. A `label` array holds indices into this tuple."""

Duty = Literal["detect", "predict", "quiet"]
"""What the detector owes a frame: a pass, a Kalman prediction only, or nothing since nothing moves."""

MASK_SIZE = 28
"""Rows and columns of a silhouette, as in Mask R-CNN (He et al., 2017)."""


class Frame(msgspec.Struct, frozen=True):
    """One decoded picture of one camera; the pixels lie beside it in the message or in a ring slot."""

    camera: str
    epoch: int  # life of the lane; stale messages of a life before are discarded
    seq: int  # dense per decoded picture: a gap is a drop
    pts_s: float  # presentation time on the camera's clock, never seq / fps
    captured_ns: int  # time.monotonic_ns() when its packet arrived from a camera, or when a file's was decoded
    width: int  # of the upright source picture
    height: int
    duty: Duty = "detect"
    slot: int = -1  # ring slot of the pixels; -1: the pixels travel with the message
    sway_xy: tuple[float, float] = (0.0, 0.0)  # px that the picture lies right and down of where the lines were drawn


class Detections(msgspec.Struct, frozen=True):
    """What a detector found in one picture.

    xyxy f32 (N, 4), score f32 (N,) in 0..1, label i16 (N,), masks u8 (N, 28, 28) box-aligned probabilities
    times 255, or None. Raises ValueError on other shapes or dtypes.
    """

    xyxy: np.ndarray
    score: np.ndarray
    label: np.ndarray
    masks: np.ndarray | None = None

    def __post_init__(self) -> None:
        n = len(self.xyxy)
        _expect("Detections.xyxy", self.xyxy, np.float32, (n, 4))
        _expect("Detections.score", self.score, np.float32, (n,))
        _expect("Detections.label", self.label, np.int16, (n,))
        if self.masks is not None:
            _expect("Detections.masks", self.masks, np.uint8, (n, MASK_SIZE, MASK_SIZE))

    def __len__(self) -> int:
        return len(self.xyxy)

    def moved(self, xy: tuple[float, float]) -> Detections:
        """The same so many pixels farther right and down."""
        return msgspec.structs.replace(self, xyxy=self.xyxy + np.array([*xy, *xy], np.float32))

    def take(self, keep: np.ndarray) -> Detections:
        """The rows that `keep` (a boolean mask or an index array) names."""
        masks = None if self.masks is None else self.masks[keep]
        return Detections(self.xyxy[keep], self.score[keep], self.label[keep], masks)

    @staticmethod
    def empty() -> Detections:
        """No detection at all: a picture that was looked at and holds nothing."""
        return Detections(np.zeros((0, 4), np.float32), np.zeros(0, np.float32), np.zeros(0, np.int16))


class Tracks(msgspec.Struct, frozen=True):
    """The tracks of one camera after one frame, and the ids that ended with it.

    track_id i64 (N,), xyxy f32 (N, 4), velocity f32 (N, 2) px/s of the box centre, label i16 (N,) the class vote so
    far, score f32 (N,) of the last detection, observed bool (N,) (False: coasting on the prediction),
    confirmed bool (N,) (False: still on trial; never shown, never counted, but its path is remembered),
    ended i64 (M,), masks u8 (N, 28, 28) the last silhouettes, box-aligned probabilities times 255, all 0 where none is
    known, or None. Raises ValueError on other shapes or dtypes.
    """

    track_id: np.ndarray
    xyxy: np.ndarray
    velocity: np.ndarray
    label: np.ndarray
    score: np.ndarray
    observed: np.ndarray
    confirmed: np.ndarray
    ended: np.ndarray
    masks: np.ndarray | None = None

    def __post_init__(self) -> None:
        n = len(self.track_id)
        _expect("Tracks.track_id", self.track_id, np.int64, (n,))
        _expect("Tracks.xyxy", self.xyxy, np.float32, (n, 4))
        _expect("Tracks.velocity", self.velocity, np.float32, (n, 2))
        _expect("Tracks.label", self.label, np.int16, (n,))
        _expect("Tracks.score", self.score, np.float32, (n,))
        _expect("Tracks.observed", self.observed, np.bool_, (n,))
        _expect("Tracks.confirmed", self.confirmed, np.bool_, (n,))
        _expect("Tracks.ended", self.ended, np.int64, (len(self.ended),))
        if self.masks is not None:
            _expect("Tracks.masks", self.masks, np.uint8, (n, MASK_SIZE, MASK_SIZE))

    def __len__(self) -> int:
        return len(self.track_id)


class Crossing(msgspec.Struct, frozen=True):
    """One road user crossed one line, once. Totals are a fold over crossings."""

    camera: str
    line: str
    direction: Literal["in", "out"]
    track_id: int
    label: str
    seq: int  # of the frame in which the anchor passed the line
    pts_s: float
    x: float  # where, in pixels of the source picture
    y: float

    @property
    def key(self) -> str:
        """The same for the same crossing in every run of the same input: what makes storing it idempotent."""
        return f"{self.camera}/{self.line}/{self.direction}/{self.track_id}/{self.seq}"


class Visit(msgspec.Struct, frozen=True):
    """One road user was in one zone, once. It is told twice: when it is certain that it is inside, with left_s None,
    and when it has left. The dwell time is known where both `entered` and `left` are "edge"."""

    camera: str
    zone: str
    track_id: int
    label: str
    entered_seq: int  # of the first frame in which the anchor is inside
    entered_s: float
    entered: Literal["edge", "born"]  # born: it was first seen inside
    left_seq: int | None = None
    left_s: float | None = None
    left: Literal["edge", "lost", "unseen"] | None = None  # lost inside; unseen: the camera saw nothing more

    @property
    def key(self) -> str:
        """The same for the same visit in every run of the same input; and when it is told again."""
        return f"{self.camera}/{self.zone}/{self.track_id}/{self.entered_seq}"


class Decoded(msgspec.Struct, frozen=True, tag=True):
    """A picture. yuv u8 (H*3/2, W): planes Y, U, V of 4:2:0 at even size, for drawing; tensor u8 (h, w, 3):
    the letterboxed network input. Either is None where no later stage reads it."""

    frame: Frame
    yuv: np.ndarray | None = None
    tensor: np.ndarray | None = None


class Detected(msgspec.Struct, frozen=True, tag=True):
    """A picture with its detections; None when the detector was not asked (see Frame.duty), never on failure.
    tensor: as in Decoded, on the way to the segmenter only."""

    frame: Frame
    detections: Detections | None
    yuv: np.ndarray | None = None
    tensor: np.ndarray | None = None


class Counted(msgspec.Struct, frozen=True, tag=True):
    """A picture with its tracks, and the crossings and visits that became certain with it."""

    frame: Frame
    tracks: Tracks
    crossings: tuple[Crossing, ...]
    yuv: np.ndarray | None = None
    visits: tuple[Visit, ...] = ()


class Clock(msgspec.Struct, frozen=True, tag=True):
    """From pts_s on, the time of day of a camera's picture is utc_s + its pts_s - pts_s, until the next Clock.

    Cameras only: a file has no time of day. source: "rtcp" is the camera's own clock; "arrival" is the clock of this
    machine, smoothed, and later than the picture by the delay of the camera and the network.
    """

    camera: str
    epoch: int
    pts_s: float
    utc_s: float  # seconds since 1970, UTC
    source: Literal["rtcp", "arrival"]


class Gap(msgspec.Struct, frozen=True, tag=True):
    """A time in which a camera was not seen: what crossed then is unknown, not zero. Tracks do not reach over it.

    It is told twice: when it begins, with to_s None, and when the camera is back. crossings, visits: those that became
    certain because all tracks ended. view: where the camera looks after it, if it was ever moved: a homography row by
    row, from pixels of the picture that its lines were drawn on to pixels of the present one.
    """

    camera: str
    epoch: int
    from_s: float  # of the last picture before
    to_s: float | None  # of the first picture after
    from_utc_s: float | None  # None: a file has no time of day
    to_utc_s: float | None
    reason: str
    crossings: tuple[Crossing, ...] = ()
    visits: tuple[Visit, ...] = ()
    view: tuple[float, ...] = ()

    def hides(self, event: Crossing | Visit) -> bool:
        """Whether it would have happened, or begun, unseen: a guess, not a count."""
        moment_s = event.pts_s if isinstance(event, Crossing) else event.entered_s
        return self.from_s < moment_s and (self.to_s is None or moment_s < self.to_s)


class Notice(msgspec.Struct, frozen=True, tag=True):
    """Something happened to a camera at pts_s that a person should know later: a move of the operating point, a camera
    that was nudged, a frozen picture. Kept with the run's notes and counted on the metrics tap."""

    camera: str
    epoch: int
    pts_s: float
    kind: str  # one word to select by: "budget", "moved", "frozen"
    text: str  # one line: what, and why


class EndOfStream(msgspec.Struct, frozen=True, tag=True):
    """The last message of a camera: how many pictures were decoded, and what was lost, by reason."""

    camera: str
    epoch: int
    decoded: int
    skipped: dict[str, int]
    problems: tuple[str, ...] = ()  # losses, one line each: damaged packets, a truncated file
    repairs: tuple[str, ...] = ()  # what was put right without loss: time stamps, a changed picture size
    crossings: tuple[Crossing, ...] = ()  # those that became certain only with the end
    visits: tuple[Visit, ...] = ()


class Checkpoint(msgspec.Struct, frozen=True, tag=True):
    """A cut through a lane: what lies before it is stored together with it, what lies after it is done again after a
    crash. The decoder makes it; each stage that it passes adds the state that it needs to go on from here.

    After Carbone et al., Lightweight Asynchronous Snapshots for Distributed Dataflows, 2015.
    """

    camera: str
    epoch: int
    seq: int  # of the next picture
    states: dict[str, bytes] = {}  # by the name of the stage or sink


class Restore(msgspec.Struct, frozen=True, tag=True):
    """The first message of a lane's new life: go on from these states, and from nothing where there is none."""

    camera: str
    epoch: int
    states: dict[str, bytes] = {}


Told = Clock | Gap | Notice
"""What is told between the frames of a camera, in order with them."""

InBand = Told | EndOfStream | Checkpoint | Restore

Message = Decoded | Detected | Counted | InBand


def lane_of(message: Message) -> tuple[str, int]:
    """The camera of a message, and its epoch."""
    head = message if isinstance(message, InBand) else message.frame
    return head.camera, head.epoch


def _expect(name: str, array: np.ndarray, dtype: type, shape: tuple[int, ...]) -> None:
    if array.dtype != dtype or array.shape != shape:
        raise ValueError(f"{name}: expected {np.dtype(dtype)} {shape}, got {array.dtype} {array.shape}")
