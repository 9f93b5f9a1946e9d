"""Gradients of depth-wise convolutions in bf16 on a CPU, where those of oneDNN take up to twenty times the pass itself:
the gradient of the input at stride 2, and that of the weights at size 5."""

from __future__ import annotations

from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as fn


def hasten(network: nn.Module) -> None:
    """Let the depth-wise convolutions of a network that is trained in bf16 on a CPU take the quick way back."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d) and module.groups == module.in_channels == module.out_channels > 1:
            module._conv_forward = partial(_forward, module.stride[0])  # type: ignore[method-assign]


def _forward(stride: int, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    if not torch.is_grad_enabled() or not torch.is_autocast_enabled("cpu"):
        return fn.conv2d(x, weight, bias, stride, weight.shape[2] // 2, 1, len(weight))
    made: Tensor = Depthwise.apply(x, weight, bias, stride)
    return made


class Depthwise(torch.autograd.Function):
    """A convolution of each channel alone: x (B, C, H, W), weight (C, 1, k, k) with odd k, padding k // 2."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor, stride: int) -> Tensor:
        with torch.autocast("cpu", enabled=False):
            x, small = x.bfloat16(), weight.bfloat16()
            ctx.save_for_backward(x, small)
            ctx.stride = stride
            return fn.conv2d(x, small, bias.bfloat16(), stride, weight.shape[2] // 2, 1, len(weight))

    @staticmethod
    def backward(ctx: Any, *pulls: Tensor) -> tuple[Tensor | None, Tensor, Tensor, None]:
        x, weight = ctx.saved_tensors
        pull = pulls[0].contiguous(memory_format=torch.channels_last)
        to_bias, wide = pull.sum((0, 2, 3)), pull
        if ctx.stride == 2:  # as if the output were whole, with nothing between
            wide = torch.zeros_like(x, memory_format=torch.channels_last)
            wide[:, :, ::2, ::2] = pull
        to_x = None
        if ctx.needs_input_grad[0]:
            to_x = fn.conv2d(wide, weight.flip(2, 3), None, 1, weight.shape[2] // 2, 1, len(weight))
        if weight.shape[2] == 3:
            return to_x, _to_weight(pull, x, weight, ctx.stride, 1), to_bias, None
        return to_x, _to_weight_of_5(wide, x, weight), to_bias, None


def _to_weight(pull: Tensor, x: Tensor, weight: Tensor, stride: int, padding: int) -> Tensor:
    mask, channels = [False, True, False], len(weight)
    sizes = ([channels], [stride] * 2, [padding] * 2, [1, 1], False, [0, 0], channels)
    found: Tensor = torch.ops.aten.convolution_backward(pull, x, weight, *sizes, mask)[1]
    return found


def _to_weight_of_5(pull: Tensor, x: Tensor, weight: Tensor) -> Tensor:
    """The 5x5 gradient as four of 3x3, one a corner; they agree where they overlap."""
    whole, part = torch.empty_like(weight), weight[:, :, :3, :3]
    height, width = x.shape[2:]
    padded = fn.pad(x, (2, 2, 2, 2)).contiguous(memory_format=torch.channels_last)
    for top in (0, 2):
        for left in (0, 2):
            window = padded[:, :, top : top + height + 2, left : left + width + 2]
            window = window.contiguous(memory_format=torch.channels_last)
            whole[:, :, top : top + 3, left : left + 3] = _to_weight(pull, window, part, 1, 0)
    return whole
