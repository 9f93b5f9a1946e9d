"""Every knob of the tracker and the counter, with its unit. The defaults are meant for every scene.

Lengths are in box heights (or box sizes, where said), times in seconds of pts, so that neither the resolution nor the
frame rate of the camera changes their meaning.
"""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

Variant = Literal["default", "sort", "bytetrack", "ocsort"]


_PLAIN: dict[str, object] = {
    "buffer_sigmas": 0.0,
    "class_aware": False,
    "shape": 0.0,
    "momentum": 0.0,
    "recover": False,
    "reupdate": False,
    "confirm_evidence": 0.0,
    "trust_evidence": 0.0,
    "linger_s": 0.0,
}
# The published trackers as values of our own fields: Bewley et al. 2016, Zhang et al. 2022, Cao et al. 2023.
_VARIANTS: dict[str, dict[str, object]] = {
    "default": {},
    "sort": _PLAIN | {"weak_score": 0.4, "gate": 0.3, "coast_s": 0.3, "confirm_hits": 3},
    "bytetrack": _PLAIN | {"gate": 0.2, "weak_gate": 0.5, "revive_gate": 1.0},
    "ocsort": _PLAIN
    | {"weak_score": 0.4, "gate": 0.3, "momentum": 0.2, "recover": True, "reupdate": True, "confirm_hits": 3},
}


class TrackerSettings(BaseModel):
    """How detections become tracks. A variant sets the other fields as a published tracker has them, unless given."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    variant: Variant = Field("default", description="The tracker whose settings are the defaults of the others.")

    confident_score: float = Field(0.4, ge=0, le=1, description="Detections at or above this are associated first.")
    weak_score: float = Field(
        0.15, ge=0, le=1, description="Detections below this are ignored; those between rescue tracks."
    )
    birth_score: float = Field(0.4, ge=0, le=1, description="A detection needs this much to begin a track.")
    gate: float = Field(0.15, ge=0, lt=1, description="Least (buffered) IoU of a confident detection with its track.")
    weak_gate: float = Field(0.3, ge=0, lt=1, description="The same for a weak detection.")
    revive_gate: float = Field(
        0.65, ge=0, le=1, description="The same for a weak detection with a track that was missed in the pass before."
    )
    buffer_sigmas: float = Field(
        1.0,
        ge=0,
        description="Boxes grow by this many standard deviations of the predicted place before IoU; 0: plain IoU.",
    )
    buffer_limit: float = Field(0.7, ge=0, description="Boxes never grow by more than this, in box heights.")
    shape: float = Field(0.4, ge=0, le=1, description="Weight of the likeness of box sizes in the association.")
    growth_memory_s: float = Field(0.2, gt=0, description="An unseen box stops to grow or shrink within this, seconds.")
    class_aware: bool = Field(True, description="A person never becomes a truck; car, bus and truck may flicker.")
    momentum: float = Field(0.2, ge=0, le=1, description="Weight of the direction of motion where tracks compete.")
    recover: bool = Field(
        True, description="Look for a lost track where it was last seen, not only where it should be."
    )
    reupdate: bool = Field(
        True, description="After a gap, correct the velocity by the straight path between observations."
    )
    confirm_hits: int = Field(2, ge=1, description="Observations that a track needs to be confirmed.")
    confirm_evidence: float = Field(
        1.5, ge=0, description="Sum of confident scores that a track needs to be confirmed."
    )
    trust_evidence: float = Field(
        2.0, ge=0, description="The same to be trusted: to go first in the association, and to hide for longer."
    )
    trial_gap_s: float = Field(0.25, ge=0, description="A track not yet trusted ends when unseen for longer, seconds.")
    coast_s: float = Field(1.0, ge=0, description="A trusted track ends when unseen for longer, seconds.")
    linger_s: float = Field(
        3.0,
        ge=0,
        description="The same for one that should have moved by no more than linger_travel since, seconds; but it is "
        "not waited for longer than it was seen.",
    )
    linger_travel: float = Field(1.0, ge=0, description="How far a track may have gone unseen to linger, box heights.")
    coast_passes: int = Field(
        6, ge=0, description="No track ends before it was missed in more detector passes than this."
    )
    duplicate_iou: float = Field(
        0.55, gt=0, le=1, description="No birth on a detection that overlaps a seen track so much."
    )
    double_iou: float = Field(
        0.4, gt=0, le=1, description="A weak detection that overlaps a confident one so much is ignored."
    )
    box_noise: float = Field(0.065, gt=0, description="Standard deviation of a detected box, in box heights.")
    place_noise: float = Field(1.5, gt=0, description="Change of velocity in one second, box heights per second.")
    size_noise: float = Field(
        0.5, gt=0, description="Change of the growth of the box in one second, box heights per second."
    )
    birth_speed: float = Field(
        10.0, gt=0, description="Standard deviation of the unknown first velocity, box heights per second."
    )
    birth_growth: float = Field(0.7, gt=0, description="The same for the growth of the box, box heights per second.")

    @model_validator(mode="before")
    @classmethod
    def _fill_from_variant(cls, given: object) -> object:
        return _VARIANTS.get(given["variant"], {}) | given if isinstance(given, dict) and "variant" in given else given


class CountingSettings(BaseModel):
    """When a track has crossed a line."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    anchor: Literal["ground", "centre"] = Field(
        "ground", description="The point of the box that crosses: bottom centre or centre."
    )
    margin: float = Field(
        0.3, ge=0, description="Beyond the line by this share of the box size (√area) a track is settled."
    )
    margin_px: float = Field(1.5, ge=0, description="The margin is never less than this, pixels.")
    settle_s: float = Field(0.1, ge=0, description="A track must stay settled for so long before it counts, seconds.")
    end_tolerance: float = Field(0.2, ge=0, description="The line's ends reach further by this share of the box size.")
    evidence: float = Field(2.0, ge=0, description="Sum of the scores of its sights that a track needs to be counted.")
    travel: float = Field(
        1.0,
        ge=0,
        description="A track is counted if it has gone this share of its box size, its longest step left out.",
    )
    bridge_s: float = Field(
        0.3, ge=0, description="A track born or lost right behind the line is prolonged by so much, seconds."
    )
    duplicate_overlap: float = Field(
        0.4, gt=0, le=1, description="Two crossings whose boxes overlap so much are one vehicle."
    )
