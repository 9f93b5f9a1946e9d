"""The schema of a configuration file. Every unknown key is an error. stream/config/file.py reads one."""

from __future__ import annotations

import re
from pathlib import Path, PurePosixPath
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import Field, ValidationInfo, field_serializer, field_validator, model_validator

from stream.budget.looks import Region
from stream.config.placement import SEGMENT, PlacementConfig
from stream.config.section import Positive, Settings, ip_of, on_or_off
from stream.geometry import STRIDE
from stream.settings import CountingSettings, TrackerSettings
from stream.sources import checked, masked

Fraction4 = tuple[float, float, float, float]
Precision = Literal["auto", "f32", "bf16", "fp16", "int8"]
Recording = Literal["annotated", "original", "events", "none"]

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
PREVIOUS = "previous"  # folder of the results that a repeated run has moved aside


class BudgetConfig(Settings):
    """What a live camera's results must keep to. The detector gives the most accurate answer that does."""

    latency_p95_ms: float = Field(
        default=200.0, gt=0, description="From a picture's arrival to its events: 95 of 100 are sooner."
    )
    fps: float | None = Field(
        default=None, gt=0, description="More pictures a second are not looked at; by default as many as come."
    )


class CameraConfig(Settings):
    """One video file or camera. Coordinates are pixels, or fractions of the picture when all are <= 1."""

    source: str = Field(description="A video file, the address of a camera (rtsp://, http://), or /dev/video0.")
    name: str = Field(
        default="", validate_default=True, description="Letters, digits, - _ . ; by default the name of the file."
    )
    lines: dict[str, Fraction4] = Field(default_factory=dict, description="Name: x1, y1, x2, y2.")
    zones: dict[str, tuple[float, ...]] = Field(
        default_factory=dict, description="Name: x1, y1, x2, y2, x3, y3 and so on, the corners in order."
    )
    movements: Literal["auto", "none"] | dict[str, tuple[str, str]] = Field(
        default="auto",
        description="Turning movements, name: line of origin, line of destination; auto: between all lines, where "
        "there are two or more.",
    )
    roi: Literal["auto", "full"] | tuple[tuple[float, float], ...] = Field(
        default="auto",
        description="What the network sees. auto: what lines and zones need, where that shows it at 1.2 times the size "
        "or more; full: the whole picture; or a polygon given by its corners.",
    )
    follow: bool = Field(
        default=False, description="The file is still being written: read on until it has not grown for `timeout_s`."
    )
    timeout_s: float = Field(
        default=5.0, gt=0, description="A live camera that gives no picture for so long is opened anew."
    )
    decoder: Literal["auto", "software"] = Field(
        default="auto", description="auto: a graphics card decodes where there is one that can; else, software."
    )
    wait_s: float = Field(default=10.0, ge=0, description="How long a live camera may be absent at the start of a run.")
    frozen_s: float = Field(
        default=20.0, ge=0, description="A live camera that sends the same picture for so long is frozen; 0: never."
    )
    view: Literal["follow", "fixed"] = Field(
        default="follow",
        description="When the camera is moved. follow: its lines follow, or stop where they cannot; fixed: they stay.",
    )
    sway: Literal["ignore", "follow"] = Field(
        default="ignore",
        description="When the camera trembles, in wind or on a bridge. follow: road users are tracked and counted "
        "where a steady camera would see them.",
    )
    weight: float = Field(
        default=1.0, gt=0, le=1000, description="Its share of the detector, against other cameras, when that is busy."
    )
    budget: BudgetConfig | None = Field(
        default=None, description="Of a live camera: what is seen less often or less sharply when the machine is slow."
    )

    @field_validator("name", mode="before")
    @classmethod
    def _name_from_source(cls, name: Any, info: ValidationInfo) -> Any:
        return name or _name_of(info.data.get("source", ""))

    @field_validator("source")
    @classmethod
    def _address_without_mistakes(cls, source: str) -> str:
        return checked(source)

    @field_serializer("source")
    def _source_without_password(self, source: str) -> str:
        return masked(source)

    @model_validator(mode="after")
    def _drawn_whole(self) -> CameraConfig:
        for name, values in self.zones.items():
            if len(values) < 6 or len(values) % 2:
                raise ValueError(f"zone {name}: expected x, y of 3 corners or more, got {len(values)} values")
        for name, ends in self.movements.items() if isinstance(self.movements, dict) else ():
            if unknown := [line for line in ends if line not in self.lines]:
                raise ValueError(f"movement {name}: there is no line {unknown[0]!r}")
        return self

    @field_validator("name")
    @classmethod
    def _plain_name(cls, name: str) -> str:
        if not NAME.fullmatch(name):
            raise ValueError(f"expected at most 64 letters, digits, '-', '_' or '.', the first no sign, got {name!r}")
        if name == PREVIOUS:
            raise ValueError(f"expected another name than {PREVIOUS!r}, which is the folder of the results before")
        return name


class PointConfig(Settings):
    """An operating point, as `roadtally tune` measures it on a machine."""

    model: str = Field(default="", description="Network; by default that of the detector.")
    precision: Precision | Literal[""] = Field(
        default="", description="Number format; by default that of the detector."
    )
    input: Positive = Field(description="Longest side of the network's input in pixels: at most that of the detector.")
    region: Region = Field(
        default="whole", description="whole: all that the camera's network sees; lines: only what is near the lines."
    )
    every: Positive = Field(default=1, description="Pictures a look; between them the filter predicts.")
    gate: bool = Field(
        default=True, description="Pass over pictures in which nothing moves, where the camera has a motion gate."
    )
    ms: float = Field(gt=0, description="That a look keeps the device busy.")
    error: float = Field(ge=0, description="Share of the crossings that it miscounts.")


class DetectorConfig(Settings):
    """Which network looks at the pictures, and how."""

    model: str = Field(default="roadtally-small", description="A name from `roadtally models`, or a weights file.")
    input: Positive | tuple[Positive, Positive] = Field(
        default=416, description="Longest side in pixels (the other follows the picture), or width and height."
    )
    engine: Literal["auto", "openvino", "torch"] = Field(
        default="auto", description="What runs the network; auto: torch where there is a GPU, else openvino."
    )
    precision: Precision = Field(
        default="auto", description="Number format of the network; auto: the fastest native one of the device."
    )
    score: float = Field(default=0.1, ge=0, le=1, description="Weaker detections are dropped at once.")
    batch: Positive = Field(default=1, description="Pictures a pass, across cameras.")
    max_wait_ms: float = Field(default=5.0, ge=0, description="How long a pass waits to be filled.")
    threads: int = Field(default=0, ge=0, description="Processor threads; 0: all cores.")
    every: Positive = Field(default=1, description="Detect on every k-th picture; between them the filter predicts.")
    gate: Literal["auto", "on", "off"] = Field(
        default="auto",
        description="Pass over pictures in which nothing moves near the lines; auto: of live cameras. A file that is "
        "looked at whole can be counted again with other lines.",
    )
    points: tuple[PointConfig, ...] = Field(
        default=(),
        description="Operating points that a camera with a budget moves between: those that `roadtally tune` wrote. "
        "By default what is typical of the detector, at every k-th picture.",
    )

    _gate_words = field_validator("gate", mode="before")(on_or_off)

    @field_validator("input")
    @classmethod
    def _whole_strides(cls, value: int | tuple[int, int]) -> int | tuple[int, int]:
        if isinstance(value, tuple) and any(side % STRIDE for side in value):
            raise ValueError(f"expected multiples of {STRIDE}, got {list(value)}")
        return value

    @model_validator(mode="after")
    def _points_within_the_input(self) -> DetectorConfig:
        most = self.input if isinstance(self.input, int) else max(self.input)
        if larger := [point.input for point in self.points if point.input > most]:
            raise ValueError(f"points: expected inputs of at most {most}, that of the detector, got {max(larger)}")
        return self


class MasksConfig(Settings):
    """Silhouettes of road users, by Mask R-CNN's mask branch on the boxes of any detector."""

    every: int = Field(
        default=0, ge=0, description="Of every k-th picture that the detector looks at; 0: none. --masks says 5."
    )
    near: float = Field(
        default=0.0, ge=0, description="Only of what is within so many box heights of a line or zone; 0: of everything."
    )
    most: Positive = Field(default=64, description="Of so many boxes a picture, the largest first.")
    model: str = Field(default="roadtally-mask", description="roadtally-mask, or a weights file.")
    engine: Literal["auto", "openvino", "torch"] = Field(default="auto", description="As for the detector.")
    precision: Literal["auto", "f32", "bf16", "fp16"] = Field(default="auto", description="As for the detector.")


class OutputConfig(Settings):
    """What is written, and where."""

    dir: Path = Field(
        default=Path("runs/latest"), description="Folder of the results, from where the command runs; made if absent."
    )
    record: Recording = Field(
        default="annotated",
        description="annotated: the video as it was counted, encoded anew; original: a live camera's own pictures, "
        "without encoding (a file is its own recording); events: a few seconds of these around each crossing; none.",
    )
    before_s: float = Field(default=3.0, ge=0, le=30, description="`record: events` keeps so much before a crossing.")
    after_s: float = Field(default=3.0, ge=0, le=30, description="And so much after it.")
    segment_s: float = Field(
        default=600.0, ge=1, description="A live camera's recording is cut into files of this length."
    )
    quota_gb: float = Field(
        default=0.0,
        ge=0,
        description="The oldest recordings and tracks, those in `previous/` too, go when all takes more; 0: never.",
    )
    keep_days: float = Field(default=0.0, ge=0, description="They go when they are older; 0: never.")


class HealthConfig(Settings):
    """Where a run can be watched: /healthz and /metrics over HTTP."""

    port: Literal["auto", "off"] | Annotated[int, Field(ge=1, le=65535)] = Field(
        default="auto", description="auto: any free port where there is a live camera, none for files; off; or a port."
    )
    bind: str = Field(default="127.0.0.1", description="Own IP address that it is served on; loopback by default.")

    _port_words = field_validator("port", mode="before")(on_or_off)

    @field_validator("bind")
    @classmethod
    def _own_address(cls, bind: str) -> str:
        ip_of("bind", bind)
        return bind


class Config(Settings):
    """A whole run."""

    cameras: tuple[CameraConfig, ...] = Field(description="Video files and cameras: one or more.")
    detector: DetectorConfig = DetectorConfig()
    masks: MasksConfig = MasksConfig()
    tracker: TrackerSettings = TrackerSettings()
    counting: CountingSettings = CountingSettings()
    output: OutputConfig = OutputConfig()
    placement: PlacementConfig = PlacementConfig()
    health: HealthConfig = HealthConfig()
    when_full: Literal["auto", "block", "skip"] = Field(
        default="auto", description="block: lose nothing (files); skip: newest wins (live); auto: by the source."
    )

    @field_validator("cameras")
    @classmethod
    def _distinct_names(cls, cameras: tuple[CameraConfig, ...]) -> tuple[CameraConfig, ...]:
        if not cameras:
            raise ValueError("expected one camera or more, got none")
        names = [camera.name for camera in cameras]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"two cameras have the same name: {', '.join(twice)}; give each a name")
        return cameras

    @model_validator(mode="after")
    def _a_segmenter_where_it_is_named(self) -> Config:
        if not self.masks.every and any(SEGMENT in group for group in self.placement.workers):
            raise ValueError(f"workers: {SEGMENT} stands in a group, but masks.every is 0: set that, or leave it out")
        return self


def _name_of(source: str) -> str:
    """From the end of a path or address; never from the user and password in it."""
    address = urlsplit(source) if "://" in source else None
    stem = (PurePosixPath(address.path).stem or address.hostname or "") if address else Path(source).stem
    return re.sub(r"[^A-Za-z0-9_.-]+", "-", stem).strip("-._")[:64] or "camera"
