"""How a source is read: what decodes it, how well it is known first, and whether its packets are kept."""

from __future__ import annotations

from dataclasses import dataclass, field

from stream.video.hardware import Hardware


@dataclass(frozen=True, slots=True)
class Reading:
    """packets: are kept beside the pictures. analyse_s: of a live stream, that is looked through for its frame rate
    before the first picture. hardware: shared by all connections to a source, so that one that fails is not tried
    again."""

    packets: bool = False
    analyse_s: float = 0.2
    hardware: Hardware = field(default_factory=Hardware)


PLAIN = Reading()
"""In software, pictures only."""
