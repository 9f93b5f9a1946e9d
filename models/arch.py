"""The shapes of the networks, apart from the networks themselves so that reading a weights file needs no torch."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Arch:
    """The shape of a YOLOX: depth and width multiply the repeats and channels of the large model."""

    depth: float = 0.33
    width: float = 0.25
    depthwise: bool = True
    stem: str = "focus"  # focus: four pixels become one of 12 channels; strided: a 3x3 convolution of stride 2
    classes: int = 6
    activation: str = "silu"  # as published; hswish (Howard et al., 2019), without exponential: 0.7 of the time


SIZES: dict[str, Arch] = {
    "nano": Arch(0.33, 0.25, True),
    "tiny": Arch(0.33, 0.375, False),
    "s": Arch(0.33, 0.5, False),
    "m": Arch(0.67, 0.75, False),
    "l": Arch(1.0, 1.0, False),
    "x": Arch(1.33, 1.25, False),
}
"""The published sizes of YOLOX."""


@dataclass(frozen=True, slots=True)
class NanoDetArch:
    """The shape of a NanoDet-Plus: channels after the stem and each stage of its ShuffleNetV2, and of its pyramid."""

    stem: int = 24
    stages: tuple[int, ...] = (176, 352, 704)  # after strides 8, 16 and 32: the 1.5x width
    pyramid: int = 128
    classes: int = 6
    activation: str = "leaky"

    def __post_init__(self) -> None:
        object.__setattr__(self, "stages", tuple(self.stages))  # JSON gives a list


@dataclass(frozen=True, slots=True)
class RetinaNetArch(NanoDetArch):
    """The shape of a RetinaNet on the features of a NanoDet-Plus."""


@dataclass(frozen=True, slots=True)
class SsdArch(NanoDetArch):
    """The shape of an SSD on the features of a NanoDet-Plus."""


@dataclass(frozen=True, slots=True)
class FasterRcnnArch(NanoDetArch):
    """The shape of a Faster R-CNN on the features of a NanoDet-Plus: channels of its second stage, and how many
    proposals reach that (which no tensor depends on)."""

    hidden: int = 256
    proposals: int = 100


@dataclass(frozen=True, slots=True)
class MaskArch:
    """The shape of a mask network: of its trunk, and the channels and 3x3 convolutions of its branch."""

    trunk: NanoDetArch
    width: int = 64
    convolutions: int = 4

    def __post_init__(self) -> None:
        if isinstance(self.trunk, dict):  # from JSON
            object.__setattr__(self, "trunk", NanoDetArch(**self.trunk))


AnyArch = Arch | NanoDetArch
