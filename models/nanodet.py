"""NanoDet-Plus, an anchor-free detector for small machines (RangiLyu, 2021), in plain torch.

    (B, 3, H, W) ─ ShuffleNetV2 ─> C3 /8, C4 /16, C5 /32 ─ Ghost-PAN ─> P3 to P5, P6 /64 ─ head ─> (B, A, classes + 32)

H and W are multiples of 32; A counts the cells of the four grids, of which the coarsest is rounded up. A row holds the
logits of the classes, then the four sides of the box, left, top, right and bottom of the cell's corner, each as a
distribution over 0 to 7 strides (Li et al., 2020: Generalized Focal Loss). There is no objectness: the class score
tells the fit. The auxiliary head that guides the published training is left out; it does not run in use.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as fn

from models.arch import NanoDetArch
from models.layers import Activated, ConvAct, DepthwiseConvAct, depthwise
from models.network import Network

STRIDES = (8, 16, 32, 64)
BINS = 8  # of a side's distribution: 0 to 7 strides
MEAN = (103.53, 116.28, 123.675)  # of B, G and R in ImageNet; the spread is folded into the first convolution
UNITS = (4, 8, 4)  # of the stages of a ShuffleNetV2


class ShuffleUnit(nn.Module):
    """Half of the channels pass three convolutions, half go round them; then they are interleaved (Ma et al., 2018)."""

    def __init__(self, activation: str, channels: int) -> None:
        super().__init__()
        half = channels // 2
        self.first = ConvAct(activation, half, half, 1)
        self.depth = depthwise(half, 3)
        self.last = ConvAct(activation, half, half, 1)

    def forward(self, x: Tensor) -> Tensor:
        around, through = x.chunk(2, 1)
        return interleave(around, self.last(self.depth(self.first(through))))


class ShrinkUnit(nn.Module):
    """A ShuffleUnit of stride 2: both halves are made from all channels. (B, inside, H, W) -> (B, out, H/2, W/2)."""

    def __init__(self, activation: str, inside: int, out: int) -> None:
        super().__init__()
        half = out // 2
        self.side_depth = depthwise(inside, 3, 2)
        self.side_last = ConvAct(activation, inside, half, 1)
        self.first = ConvAct(activation, inside, half, 1)
        self.depth = depthwise(half, 3, 2)
        self.last = ConvAct(activation, half, half, 1)

    def forward(self, x: Tensor) -> Tensor:
        side = self.side_depth(x)  # this order is that of the published graph, see checkpoints.py
        through = self.depth(self.first(x))
        return interleave(self.side_last(side), self.last(through))


def interleave(a: Tensor, b: Tensor) -> Tensor:
    """(B, c, H, W) twice -> (B, 2c, H, W): a channel of each in turn."""
    return fn.channel_shuffle(torch.cat((a, b), 1), 2)


class ShuffleNet(nn.Module):
    """(B, 3, H, W) -> C3 (/8), C4 (/16), C5 (/32)."""

    def __init__(self, arch: NanoDetArch) -> None:
        super().__init__()
        self.stem = ConvAct(arch.activation, 3, arch.stem, 3, 2)
        stages, inside = [], arch.stem
        for out, units in zip(arch.stages, UNITS, strict=True):
            rest = (ShuffleUnit(arch.activation, out) for _ in range(units - 1))
            stages.append(nn.Sequential(ShrinkUnit(arch.activation, inside, out), *rest))
            inside = out
        self.stages = nn.ModuleList(stages)

    def forward(self, x: Tensor) -> list[Tensor]:
        x = fn.max_pool2d(self.stem(x), 3, 2, 1)  # (B, stem, H/4, W/4)
        levels = []
        for stage in self.stages:
            x = stage(x)
            levels.append(x)
        return levels


class Ghost(nn.Module):
    """Half of the channels by a 1x1, the other half from those by a cheap 3x3 (Han et al., 2020)."""

    def __init__(self, activation: str, inside: int, out: int) -> None:
        super().__init__()
        half = out // 2
        if activation:
            self.main: nn.Module = ConvAct(activation, inside, half, 1)
            self.cheap: nn.Module = Activated(activation, depthwise(half, 3))
        else:
            self.main, self.cheap = nn.Conv2d(inside, half, 1), depthwise(half, 3)

    def forward(self, x: Tensor) -> Tensor:
        x = self.main(x)
        return torch.cat((x, self.cheap(x)), 1)


class GhostBlock(nn.Module):
    """Two Ghosts, and a 5x5 round them: (B, inside, H, W) -> (B, out, H, W)."""

    def __init__(self, activation: str, inside: int, out: int) -> None:
        super().__init__()
        self.first, self.last = Ghost(activation, inside, out), Ghost("", out, out)
        self.side_depth, self.side_last = depthwise(inside, 5), nn.Conv2d(inside, out, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.last(self.first(x)) + self.side_last(self.side_depth(x))


class GhostPyramid(nn.Module):
    """Down the pyramid by upsampling, then up by strides, and one level more: all of `arch.pyramid` channels."""

    def __init__(self, arch: NanoDetArch) -> None:
        super().__init__()
        c, activation = arch.pyramid, arch.activation
        self.reduce = nn.ModuleList(ConvAct(activation, inside, c, 1) for inside in arch.stages)
        self.down3, self.down4 = GhostBlock(activation, 2 * c, c), GhostBlock(activation, 2 * c, c)
        self.shrink3, self.shrink4 = (DepthwiseConvAct(activation, c, c, 5, 2) for _ in range(2))
        self.up4, self.up5 = GhostBlock(activation, 2 * c, c), GhostBlock(activation, 2 * c, c)
        self.extra_in, self.extra_out = (DepthwiseConvAct(activation, c, c, 5, 2) for _ in range(2))

    def forward(self, c3: Tensor, c4: Tensor, c5: Tensor) -> tuple[Tensor, ...]:
        side5 = self.reduce[2](c5)
        side4 = self.down4(torch.cat((_double(side5), self.reduce[1](c4)), 1))
        p3 = self.down3(torch.cat((_double(side4), self.reduce[0](c3)), 1))
        p4 = self.up4(torch.cat((self.shrink3(p3), side4), 1))
        p5 = self.up5(torch.cat((self.shrink4(p4), side5), 1))
        return p3, p4, p5, self.extra_in(side5) + self.extra_out(p5)  # P6: H and W rounded up


def _double(x: Tensor) -> Tensor:
    return fn.interpolate(x, scale_factor=2.0, mode="bilinear")


class Tower(nn.Module):
    """The head of one level: two 5x5 convolutions by channel, then all outputs of a cell together."""

    def __init__(self, arch: NanoDetArch, outputs: int) -> None:
        super().__init__()
        c = arch.pyramid
        self.convs = nn.Sequential(*(DepthwiseConvAct(arch.activation, c, c, 5) for _ in range(2)))
        self.pred = nn.Conv2d(c, outputs, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.pred(self.convs(x))


class NanoDet(Network):
    """f32 (B, 3, H, W) BGR 0..255 -> logits (B, A, classes + 4 sides x 8 bins)."""

    mean: Tensor

    def __init__(self, arch: NanoDetArch) -> None:
        super().__init__()
        self.arch = arch
        self.backbone = ShuffleNet(arch)
        self.pyramid = GhostPyramid(arch)
        self.head = nn.ModuleList(Tower(arch, arch.classes + 4 * BINS) for _ in STRIDES)
        self.register_buffer("mean", torch.tensor(MEAN).reshape(1, 3, 1, 1), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        levels = self.pyramid(*self.backbone(x - self.mean))
        rows = [tower(level).flatten(2) for tower, level in zip(self.head, levels, strict=True)]
        return torch.cat(rows, 2).transpose(1, 2)

    def probabilities(self, raw: Tensor) -> Tensor:
        return torch.cat((raw[..., : -4 * BINS].sigmoid(), raw[..., -4 * BINS :]), -1)


def decode(raw: Tensor, cells: Tensor, strides: Tensor) -> Tensor:
    """Boxes xyxy (..., A, 4) px from raw (..., A, classes + 32): the mean of each side's distribution, in strides from
    the corner of the cell."""
    reach = reaches(raw[..., -4 * BINS :])
    return torch.cat((cells - reach[..., :2], cells + reach[..., 2:]), -1) * strides


def reaches(sides: Tensor) -> Tensor:
    """Logits of distributions (..., 32) -> left, top, right and bottom in strides (..., 4)."""
    parts = sides.reshape(*sides.shape[:-1], 4, BINS).softmax(-1)
    return (parts * torch.arange(BINS, device=sides.device)).sum(-1)
