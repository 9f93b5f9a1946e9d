"""The schema of a configuration file, and how it is read. Every unknown key is an error."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from stream.errors import ConfigError
from stream.settings import CountingSettings, TrackerSettings

Fraction4 = tuple[float, float, float, float]
Positive = Annotated[int, Field(gt=0)]

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
STAGES = ("decode", "detect", "track", "record")


class Settings(BaseModel):
    """A section of the file: unknown keys are refused, values do not change after reading."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class CameraConfig(Settings):
    """One video file or camera. Coordinates are pixels, or fractions of the picture when all are <= 1."""

    source: str = Field(description="A video file or an rtsp:// address.")
    name: str = Field(default="", description="Letters, digits, - _ . ; by default the name of the file.")
    lines: dict[str, Fraction4] = Field(default_factory=dict, description="Name: x1, y1, x2, y2.")
    roi: Literal["auto", "full"] | tuple[tuple[float, float], ...] = Field(
        default="full", description="What the network sees: the whole picture, or a polygon given by its corners."
    )

    @model_validator(mode="before")
    @classmethod
    def _name_from_source(cls, values: Any) -> Any:
        if isinstance(values, dict) and not values.get("name") and isinstance(values.get("source"), str):
            stem = re.sub(r"[^A-Za-z0-9_.-]+", "-", Path(values["source"].split("?")[0]).stem).strip("-.")
            return {**values, "name": stem or "camera"}
        return values

    @field_validator("name")
    @classmethod
    def _plain_name(cls, name: str) -> str:
        if not NAME.fullmatch(name):
            raise ValueError(f"expected letters, digits, '-', '_' or '.', got {name!r}")
        return name


class DetectorConfig(Settings):
    """Which network looks at the pictures, and how."""

    model: str = Field(default="roadtally-nano", description="A name from `roadtally models`, or a weights file.")
    input: Positive | tuple[Positive, Positive] = Field(
        default=416, description="Longest side in pixels (the other follows the picture), or width and height."
    )
    engine: Literal["auto", "openvino", "torch"] = "auto"
    precision: Literal["auto", "f32", "bf16", "fp16", "int8"] = "auto"
    score: float = Field(default=0.1, ge=0, le=1, description="Weaker detections are dropped at once.")
    batch: Positive = Field(default=1, description="Pictures a pass, across cameras.")
    max_wait_ms: float = Field(default=5.0, ge=0, description="How long a pass waits to be filled.")
    threads: int = Field(default=0, ge=0, description="Processor threads; 0: all cores.")
    every: Positive = Field(default=1, description="Detect on every k-th picture; between them the filter predicts.")


class OutputConfig(Settings):
    """What is written, and where."""

    dir: Path = Field(default=Path("runs/latest"), description="Folder of the results; made if absent.")
    video: bool = Field(default=True, description="Record the annotated video.")


class PlacementConfig(Settings):
    """Which stages share a process, and what joins them."""

    mode: Literal["processes", "tcp", "inline"] = Field(
        default="processes",
        description="processes: shared memory and local sockets; tcp: every edge over TCP, pixels as message parts; "
        "inline: one process without sockets.",
    )
    workers: tuple[tuple[str, ...], ...] = Field(
        default=(("decode",), ("detect",), ("track", "record")),
        description="Groups of neighbouring stages. The first group runs once a camera, the others once a run.",
    )
    remote: dict[int, str] = Field(
        default_factory=dict,
        description="Groups (from 0) that run on another host, and that host's address; started there with `roadtally worker`.",
    )
    slots: int = Field(default=16, ge=2, le=512, description="Frames in flight a camera: the window.")
    bind: str = Field(default="127.0.0.1", description="Own address for tcp; loopback unless said otherwise.")
    port: int = Field(default=0, ge=0, le=65000, description="First of the tcp ports: control, then every edge; 0: any.")
    detectors: Positive = Field(default=1, description="Detector workers; cameras are dealt out over them.")

    @model_validator(mode="after")
    def _every_stage_once(self) -> PlacementConfig:
        got = tuple(stage for group in self.workers for stage in group)
        if got != STAGES:
            raise ValueError(f"workers: expected the stages {', '.join(STAGES)} once each in this order, got {got}")
        if self.remote and self.mode != "tcp":
            raise ValueError(f"remote: workers on another host need mode: tcp, got mode: {self.mode}")
        if any(not 0 < group < len(self.workers) for group in self.remote):
            raise ValueError(f"remote: expected groups 1 to {len(self.workers) - 1}, got {sorted(self.remote)}")
        if self.remote and (not self.port or self.bind == "127.0.0.1"):
            raise ValueError("remote: needs a port and a bind address that the other host reaches")
        return self


class Config(Settings):
    """A whole run."""

    cameras: tuple[CameraConfig, ...] = Field(min_length=1)
    detector: DetectorConfig = DetectorConfig()
    tracker: TrackerSettings = TrackerSettings()
    counting: CountingSettings = CountingSettings()
    output: OutputConfig = OutputConfig()
    placement: PlacementConfig = PlacementConfig()
    when_full: Literal["auto", "block", "skip"] = Field(
        default="auto", description="block: lose nothing (files); skip: newest wins (live); auto: by the source."
    )

    @field_validator("cameras")
    @classmethod
    def _distinct_names(cls, cameras: tuple[CameraConfig, ...]) -> tuple[CameraConfig, ...]:
        names = [camera.name for camera in cameras]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"two cameras have the same name: {', '.join(twice)}; give each a name")
        return cameras


def load(path: Path) -> Config:
    """Read a YAML file; relative sources and the output folder are relative to it. Raises ConfigError with every
    problem at once."""
    try:
        raw = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(str(path), f"cannot be read: {error.strerror}", "check the path") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigError(str(path), f"is not YAML: {error}", "compare with the examples in configs/") from error
    if not isinstance(raw, dict):
        raise ConfigError(str(path), f"expected a mapping with `cameras`, got {type(raw).__name__}", "see configs/")
    config = parse(raw, str(path))
    cameras = tuple(c.model_copy(update={"source": _beside(path, c.source)}) for c in config.cameras)
    return config.model_copy(update={"cameras": cameras})


def parse(raw: dict[str, Any], where: str) -> Config:
    """Validate plain values. Raises ConfigError that lists every problem with its place in the file."""
    try:
        return Config.model_validate(raw)
    except ValidationError as error:
        lines = [
            f"{'.'.join(str(part) for part in problem['loc']) or 'file'}: {problem['msg']}"
            + (f", got {problem['input']!r}" if problem["type"] != "missing" and "got" not in problem["msg"] else "")
            for problem in error.errors()
        ]
        text = "\n  ".join(lines)
        raise ConfigError(where, f"{len(lines)} problem(s)\n  {text}", "see docs/configuration.md for every key") from None


def is_live(source: str) -> bool:
    """True for a camera, False for a file."""
    return "://" in source and not source.startswith("file://")


def _beside(path: Path, source: str) -> str:
    return source if is_live(source) or Path(source).is_absolute() else str(path.parent / source)


def override(config: Config, changes: dict[str, Any], where: str) -> Config:
    """The configuration with single keys changed: {"detector.input": 640}. Raises ConfigError."""
    raw = config.model_dump()
    for dotted, value in changes.items():
        *sections, key = dotted.split(".")
        section: Any = raw
        for name in sections:
            section = section.get(name) if isinstance(section, dict) else None
        if not isinstance(section, dict):
            raise ConfigError(where, f"unknown key {dotted!r}", "see docs/configuration.md for every key")
        section[key] = value
    return parse(raw, where)
