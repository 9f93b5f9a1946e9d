"""YOLOX, the anchor-free detector of Ge, Liu, Wang, Li and Sun (2021), in plain torch.

    (B, 3, H, W) ─ CSPDarknet ─> C3 /8, C4 /16, C5 /32 ─ PAFPN ─> P3, P4, P5 ─ decoupled head ─> (B, A, 5 + classes)

H and W are multiples of 32; A = (H/8 · W/8) + (H/16 · W/16) + (H/32 · W/32) cells, finest grid first, row by row.
Every convolution carries a bias and no batch norm: published checkpoints are folded when they are read, fine-tuning
starts from the folded network, and what was trained is what runs. Module names follow the published checkpoints, so
that those load by name.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as fn

from models.arch import Arch
from models.layers import ConvAct, DepthwiseConvAct
from models.network import Network

STRIDES = (8, 16, 32)


def _conv(arch: Arch, inside: int, out: int, stride: int = 1) -> nn.Module:
    """The 3x3 convolution of this architecture: depth-wise or dense."""
    return (DepthwiseConvAct if arch.depthwise else ConvAct)(arch.activation, inside, out, 3, stride)


class Focus(nn.Module):
    """(B, 3, H, W) -> (B, 12, H/2, W/2): the four pixels of each 2x2 block side by side, then a 3x3 convolution."""

    def __init__(self, activation: str, out: int) -> None:
        super().__init__()
        self.conv = ConvAct(activation, 12, out, 3)

    def forward(self, x: Tensor) -> Tensor:
        even, odd = x[..., ::2, :], x[..., 1::2, :]
        blocks = (even[..., ::2], odd[..., ::2], even[..., 1::2], odd[..., 1::2])
        return self.conv(torch.cat(blocks, 1))


class Bottleneck(nn.Module):
    """1x1 then 3x3, with the input added where `residual`."""

    def __init__(self, arch: Arch, channels: int, residual: bool) -> None:
        super().__init__()
        self.conv1 = ConvAct(arch.activation, channels, channels, 1)
        self.conv2 = _conv(arch, channels, channels)
        self.residual = residual

    def forward(self, x: Tensor) -> Tensor:
        y = self.conv2(self.conv1(x))
        return y + x if self.residual else y


class CrossStage(nn.Module):
    """Cross-stage partial block (Wang et al., 2020): half of the channels pass the bottlenecks, half go round them."""

    def __init__(self, arch: Arch, inside: int, out: int, repeats: int, residual: bool) -> None:
        super().__init__()
        half = out // 2
        self.conv1 = ConvAct(arch.activation, inside, half, 1)
        self.conv2 = ConvAct(arch.activation, inside, half, 1)
        self.m = nn.Sequential(*(Bottleneck(arch, half, residual) for _ in range(repeats)))
        self.conv3 = ConvAct(arch.activation, 2 * half, out, 1)

    def forward(self, x: Tensor) -> Tensor:
        through, around = self.conv1(x), self.conv2(x)
        return self.conv3(torch.cat((self.m(through), around), 1))


class PyramidPool(nn.Module):
    """Max pools of 5, 9 and 13 side by side (He et al., 2015). Two pools of 5 in a row equal one of 9."""

    def __init__(self, activation: str, channels: int) -> None:
        super().__init__()
        self.conv1 = ConvAct(activation, channels, channels // 2, 1)
        self.conv2 = ConvAct(activation, channels * 2, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv1(x)
        five = fn.max_pool2d(x, 5, 1, 2)
        nine = fn.max_pool2d(five, 5, 1, 2)
        return self.conv2(torch.cat((x, five, nine, fn.max_pool2d(nine, 5, 1, 2)), 1))


class Darknet(nn.Module):
    """CSPDarknet: (B, 3, H, W) -> C3 (4w, /8), C4 (8w, /16), C5 (16w, /32), where w = 64 · width."""

    def __init__(self, arch: Arch) -> None:
        super().__init__()
        w, n = int(arch.width * 64), max(round(arch.depth * 3), 1)
        self.stem = Focus(arch.activation, w) if arch.stem == "focus" else ConvAct(arch.activation, 3, w, 3, 2)
        self.dark2 = nn.Sequential(_conv(arch, w, 2 * w, 2), CrossStage(arch, 2 * w, 2 * w, n, True))
        self.dark3 = nn.Sequential(_conv(arch, 2 * w, 4 * w, 2), CrossStage(arch, 4 * w, 4 * w, 3 * n, True))
        self.dark4 = nn.Sequential(_conv(arch, 4 * w, 8 * w, 2), CrossStage(arch, 8 * w, 8 * w, 3 * n, True))
        last = CrossStage(arch, 16 * w, 16 * w, n, False)
        self.dark5 = nn.Sequential(_conv(arch, 8 * w, 16 * w, 2), PyramidPool(arch.activation, 16 * w), last)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        c3 = self.dark3(self.dark2(self.stem(x)))
        c4 = self.dark4(c3)
        return c3, c4, self.dark5(c4)


class Pyramid(nn.Module):
    """PAFPN (Liu et al., 2018): down the pyramid by upsampling, then up by strides; channels 4w, 8w, 16w."""

    def __init__(self, arch: Arch) -> None:
        super().__init__()
        w, n = int(arch.width * 64), max(round(arch.depth * 3), 1)
        self.backbone = Darknet(arch)
        self.lateral_conv0 = ConvAct(arch.activation, 16 * w, 8 * w, 1)
        self.C3_p4 = CrossStage(arch, 16 * w, 8 * w, n, False)
        self.reduce_conv1 = ConvAct(arch.activation, 8 * w, 4 * w, 1)
        self.C3_p3 = CrossStage(arch, 8 * w, 4 * w, n, False)
        self.bu_conv2 = _conv(arch, 4 * w, 4 * w, 2)
        self.C3_n3 = CrossStage(arch, 8 * w, 8 * w, n, False)
        self.bu_conv1 = _conv(arch, 8 * w, 8 * w, 2)
        self.C3_n4 = CrossStage(arch, 16 * w, 16 * w, n, False)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        c3, c4, c5 = self.backbone(x)
        side5 = self.lateral_conv0(c5)  # (B, 8w, /32)
        up4 = self.C3_p4(torch.cat((fn.interpolate(side5, scale_factor=2.0), c4), 1))
        side4 = self.reduce_conv1(up4)  # (B, 4w, /16)
        p3 = self.C3_p3(torch.cat((fn.interpolate(side4, scale_factor=2.0), c3), 1))
        p4 = self.C3_n3(torch.cat((self.bu_conv2(p3), side4), 1))
        p5 = self.C3_n4(torch.cat((self.bu_conv1(p4), side5), 1))
        return p3, p4, p5


class Head(nn.Module):
    """Decoupled head: one branch for the class, one for box and objectness, the same width at all three strides."""

    def __init__(self, arch: Arch) -> None:
        super().__init__()
        w = int(arch.width * 64)
        c = 4 * w
        self.stems = nn.ModuleList(ConvAct(arch.activation, k * w, c, 1) for k in (4, 8, 16))
        self.cls_convs = nn.ModuleList(nn.Sequential(_conv(arch, c, c), _conv(arch, c, c)) for _ in STRIDES)
        self.reg_convs = nn.ModuleList(nn.Sequential(_conv(arch, c, c), _conv(arch, c, c)) for _ in STRIDES)
        self.cls_preds = nn.ModuleList(nn.Conv2d(c, arch.classes, 1) for _ in STRIDES)
        self.reg_preds = nn.ModuleList(nn.Conv2d(c, 4, 1) for _ in STRIDES)
        self.obj_preds = nn.ModuleList(nn.Conv2d(c, 1, 1) for _ in STRIDES)

    def forward(self, levels: tuple[Tensor, ...]) -> Tensor:
        outputs = []
        for k, x in enumerate(levels):
            x = self.stems[k](x)
            kind = self.cls_preds[k](self.cls_convs[k](x))
            box = self.reg_convs[k](x)
            level = torch.cat((self.reg_preds[k](box), self.obj_preds[k](box), kind), 1)  # (B, 5 + classes, h, w)
            outputs.append(level.flatten(2))
        return torch.cat(outputs, 2).transpose(1, 2)


class YOLOX(Network):
    """f32 (B, 3, H, W) BGR 0..255 -> logits (B, A, 5 + classes): x, y, log w, log h in strides, objectness, classes."""

    def __init__(self, arch: Arch) -> None:
        super().__init__()
        self.arch = arch
        self.backbone = Pyramid(arch)
        self.head = Head(arch)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.backbone(x))

    def probabilities(self, raw: Tensor) -> Tensor:
        return torch.cat((raw[..., :4], raw[..., 4:].sigmoid()), -1)


def decode(raw: Tensor, cells: Tensor, strides: Tensor) -> Tensor:
    """Boxes xyxy (..., A, 4) px from raw (..., A, 4+): centre = (cell + offset) · stride, size = exp · stride."""
    centre = (raw[..., :2] + cells) * strides
    half = raw[..., 2:4].clamp(max=10).exp() * strides / 2
    return torch.cat((centre - half, centre + half), -1)
