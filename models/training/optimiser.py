"""Adam (Kingma and Ba, 2015) whose steps are in proportion to the weights they change.

Folding batch norms into convolutions leaves channels whose weights differ by a factor of a hundred. A step of one
size would shake the small ones and leave the large ones; here each output channel moves by `rate` times its own size
at the start of training.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor

BETAS = (0.9, 0.999)
EPS = 1e-8
SMALLEST = 0.02  # size below which a channel or a bias moves as if it had this size


class ScaledAdam:
    """Adam over parameters with one fixed scale per output channel (weights) or per tensor (biases)."""

    def __init__(self, parameters: Iterable[Tensor]) -> None:
        self.parameters = list(parameters)
        self.step_count = 0
        self._scale = [_size(p.detach()) for p in self.parameters]
        self._mean = [torch.zeros_like(p) for p in self.parameters]
        self._square = [torch.zeros_like(p) for p in self.parameters]

    @torch.no_grad()
    def step(self, rate: float, largest_norm: float) -> None:
        """One update by the gradients, which are first scaled down to `largest_norm`, and then dropped."""
        torch.nn.utils.clip_grad_norm_(self.parameters, largest_norm)
        grads = [p.grad for p in self.parameters if p.grad is not None]
        self.step_count += 1
        first, second = (1 - beta**self.step_count for beta in BETAS)
        torch._foreach_lerp_(self._mean, grads, 1 - BETAS[0])
        torch._foreach_mul_(self._square, BETAS[1])
        torch._foreach_addcmul_(self._square, grads, grads, 1 - BETAS[1])
        spread = torch._foreach_sqrt(self._square)
        torch._foreach_div_(spread, second**0.5)
        torch._foreach_add_(spread, EPS)
        change = torch._foreach_div(self._mean, spread)
        torch._foreach_mul_(change, self._scale)
        torch._foreach_add_(self.parameters, change, alpha=-rate / first)
        for parameter in self.parameters:
            parameter.grad = None

    def state_dict(self) -> dict[str, Any]:
        return {"step": self.step_count, "scale": self._scale, "mean": self._mean, "square": self._square}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.step_count = state["step"]
        for own, stored in ((self._scale, "scale"), (self._mean, "mean"), (self._square, "square")):
            torch._foreach_copy_(own, state[stored])


def _size(parameter: Tensor) -> Tensor:
    """Root mean square by output channel, shaped to broadcast over the parameter."""
    if parameter.ndim == 1:
        return parameter.square().mean().sqrt().clamp(min=SMALLEST)
    kept = (-1, *(1,) * (parameter.ndim - 1))
    return parameter.flatten(1).square().mean(1).sqrt().clamp(min=SMALLEST).reshape(kept)
