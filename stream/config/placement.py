"""Which stages share a process, and what joins them."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from stream.config.section import Positive, Settings, ip_of

SEGMENT = "segment"  # runs where masks are asked for; stands behind the detector where no group names it
STAGES = ("decode", "detect", SEGMENT, "track", "record")


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
        description="Groups (from 0) that run on another host, and its IP address; `roadtally worker` starts them.",
    )
    slots: int = Field(default=16, ge=2, le=512, description="Frames in flight a camera: the window.")
    bind: str = Field(default="127.0.0.1", description="Own IP address for tcp; loopback unless said otherwise.")
    port: int = Field(
        default=0, ge=0, le=65000, description="First of the tcp ports: control, then every edge; 0: any."
    )
    detectors: Positive = Field(default=1, description="Detector workers; cameras are dealt out over them.")

    @model_validator(mode="after")
    def _every_stage_once(self) -> PlacementConfig:
        got = tuple(stage for group in self.workers for stage in group)
        needed = tuple(stage for stage in STAGES if stage != SEGMENT or SEGMENT in got)
        if got != needed or not all(self.workers):
            raise ValueError(f"workers: expected {', '.join(needed)} once each in this order, got {self.workers}")
        if self.remote and self.mode != "tcp":
            raise ValueError(f"remote: workers on another host need mode: tcp, got mode: {self.mode}")
        if any(not 0 < group < len(self.workers) for group in self.remote):
            raise ValueError(f"remote: expected groups 1 to {len(self.workers) - 1}, got {sorted(self.remote)}")
        if any("record" in self.workers[group] for group in self.remote):
            raise ValueError("remote: the group of `record` runs on this host, where the results are kept")
        own, others = ip_of("bind", self.bind), [ip_of("remote", host) for host in self.remote.values()]
        if others and (not self.port or own.is_loopback or own.is_unspecified):
            raise ValueError(
                f"remote: expected a port and a bind address that the other host reaches, got {self.bind}:{self.port}"
            )
        return self

    def groups(self, masks: bool) -> tuple[tuple[str, ...], ...]:
        """The stages of each group of workers, with the segmenter only where there are masks."""
        if self.mode == "inline":
            return (tuple(stage for stage in STAGES if stage != SEGMENT or masks),)
        if not masks or any(SEGMENT in group for group in self.workers):
            return self.workers
        return tuple(
            tuple(stage for name in group for stage in ((name, SEGMENT) if name == "detect" else (name,)))
            for group in self.workers
        )
