"""Layers that the networks share. Every convolution carries a bias and no batch norm: published checkpoints are folded
when they are read, fine-tuning starts from the folded network, and what was trained is what runs."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from torch import Tensor, nn
from torch.nn import functional as fn

ACTIVATIONS: dict[str, Callable[..., Tensor]] = {
    "silu": fn.silu,
    "hswish": fn.hardswish,
    "leaky": partial(fn.leaky_relu, negative_slope=0.1),
}
"""By the name in Arch.activation."""


class Activated(nn.Module):
    """A convolution, then the activation."""

    def __init__(self, activation: str, conv: nn.Conv2d) -> None:
        super().__init__()
        self.conv = conv
        self.activate = ACTIVATIONS[activation]

    def forward(self, x: Tensor) -> Tensor:
        return self.activate(self.conv(x), inplace=True)


class ConvAct(Activated):
    """Convolution of odd size, padded to keep H and W (over the stride), then the activation."""

    def __init__(self, activation: str, inside: int, out: int, size: int, stride: int = 1) -> None:
        super().__init__(activation, nn.Conv2d(inside, out, size, stride, size // 2))


def depthwise(channels: int, size: int, stride: int = 1) -> nn.Conv2d:
    """The same convolution of each channel alone."""
    return nn.Conv2d(channels, channels, size, stride, size // 2, groups=channels)


class DepthwiseConvAct(nn.Module):
    """A convolution of each channel alone, then a 1x1 that mixes the channels; activated after both."""

    def __init__(self, activation: str, inside: int, out: int, size: int, stride: int = 1) -> None:
        super().__init__()
        self.dconv = Activated(activation, depthwise(inside, size, stride))
        self.pconv = ConvAct(activation, inside, out, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.pconv(self.dconv(x))
