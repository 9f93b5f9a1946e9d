"""The mask branch of Mask R-CNN (He et al., ICCV 2017) on the trunk and pyramid of the embedded detector.

    picture ─ Features ─> P3 /8 ─ 1x1 ─ RoIAlign (N, width, 14, 14) ─ convolutions ─ doubled ─> logits (N, 1, 28, 28)

Only the finest map is pooled: road users are small. The mask is of the object and not of its class, so it fits boxes of
any detector. The 1x1 in front of RoIAlign is linear, so it may stand behind it as well (`MaskBranch` on pooled maps of
the pyramid, as torchvision's MaskRCNN wants it); in front it spares pooling half of the channels.
"""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as fn
from torchvision.models.detection import FasterRCNN
from torchvision.ops import MultiScaleRoIAlign, roi_align

from models.arch import MaskArch
from models.features import Features
from models.layers import ConvAct

POOLED, STRIDE, SAMPLES = 14, 8, 2  # cells a side; pixels a cell of the map; points a side of a cell


class MaskBranch(nn.Module):
    """Pooled maps of the pyramid f32 (N, channels, 14, 14) -> logits (N, 1, 28, 28)."""

    def __init__(self, channels: int, arch: MaskArch) -> None:
        super().__init__()
        width, activation = arch.width, "hswish"
        self.reduce = nn.Conv2d(channels, width, 1)
        self.convs = nn.Sequential(*(ConvAct(activation, width, width, 3) for _ in range(arch.convolutions)))
        self.doubled = nn.ConvTranspose2d(width, width, 2, 2)
        self.logits = nn.Conv2d(width, 1, 1)

    def forward(self, pooled: Tensor) -> Tensor:
        x = self.convs(fn.hardswish(self.reduce(pooled)))
        logits: Tensor = self.logits(fn.hardswish(self.doubled(x)))
        return logits


class MaskNetwork(nn.Module):
    """f32 (1, 3, H, W) BGR 0..255 and boxes xyxy f32 (N, 4) in its pixels -> probabilities (N, 28, 28)."""

    def __init__(self, arch: MaskArch) -> None:
        super().__init__()
        self.arch = arch
        self.features = Features(arch.trunk)
        self.branch = MaskBranch(self.features.out_channels, arch)

    def forward(self, picture: Tensor, xyxy: Tensor) -> Tensor:
        return self.branch(self.pool(self.features(picture)["0"], xyxy)).sigmoid()[:, 0]

    @staticmethod
    def pool(finest: Tensor, xyxy: Tensor) -> Tensor:
        """RoIAlign on the finest map (1, C, H/8, W/8) -> (N, C, 14, 14)."""
        return roi_align(finest, [xyxy], POOLED, 1 / STRIDE, SAMPLES)


class OfAnyClass(nn.Module):
    """torchvision's mask head picks the mask of the object's class: (N, 1, 28, 28) -> (N, kinds, 28, 28), all alike."""

    def __init__(self, kinds: int) -> None:
        super().__init__()
        self.kinds = kinds

    def forward(self, logits: Tensor) -> Tensor:
        return logits.expand(-1, self.kinds, -1, -1)


def give_masks(rcnn: FasterRCNN, branch: MaskBranch, kinds: int) -> None:
    """Make a Faster R-CNN of torchvision on the same `Features` its Mask R-CNN. kinds: the classes, with the
    background."""
    heads = rcnn.roi_heads
    heads.mask_roi_pool = MultiScaleRoIAlign(["0"], POOLED, SAMPLES)
    heads.mask_head, heads.mask_predictor = branch, OfAnyClass(kinds)
