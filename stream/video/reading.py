"""How a source is read: what decodes it, and whether its packets are kept beside its pictures."""

from __future__ import annotations

from dataclasses import dataclass, field

from stream.video.hardware import Hardware


@dataclass(frozen=True, slots=True)
class Reading:
    """hardware: shared by all connections to a source, so that one that fails is not tried again."""

    packets: bool = False
    hardware: Hardware = field(default_factory=Hardware)


PLAIN = Reading()
"""In software, pictures only."""
