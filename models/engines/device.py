"""Where torch computes, in which number format, and how many pictures its memory holds at a time."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, TypeVar

import torch

from stream.errors import ConfigError, ModelError

DTYPES = {"f32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}
Made = TypeVar("Made")


class Place(NamedTuple):
    """Where a network runs, and in which number format."""

    device: torch.device
    dtype: torch.dtype
    describe: str


def cuda_here() -> bool:
    """Whether torch computes on a graphics card here. One that is too old for this build of torch, or that another
    program keeps for itself, is seen and yet computes nothing."""
    if not torch.cuda.is_available():
        return False
    try:
        return bool(torch.ones(1, device="cuda").half().add(1).item() == 2)
    except RuntimeError:
        return False


def place_here(precision: str, threads: int) -> Place:
    """CUDA where it is, else the CPU with so many threads; 0: as many as torch takes. Raises ModelError where the
    precision does not run there."""
    cuda = cuda_here()
    precision = ("fp16" if cuda else "f32") if precision == "auto" else precision
    able = DTYPES if cuda else ("f32", "bf16")
    if precision not in able or (cuda and precision == "bf16" and not computes_bf16()):
        what = f"torch on {'CUDA' if cuda else 'CPU'} does not run {precision}"
        raise ModelError("precision", what, "use auto, or --set detector.engine=openvino")
    if cuda and precision == "f32":
        torch.backends.cudnn.allow_tf32 = False  # else its convolutions read only ten bits of it
    if not cuda and threads:
        torch.set_num_threads(threads)
    where = torch.cuda.get_device_name() if cuda else f"the CPU, {torch.get_num_threads()} threads"
    return Place(torch.device("cuda" if cuda else "cpu"), DTYPES[precision], f"torch, {precision}, {where}")


def computes_bf16() -> bool:
    """Whether the graphics card computes in bf16 itself, as those since Ampere (2020) do."""
    return torch.cuda.is_bf16_supported(including_emulation=False)


def check_device(device: str) -> None:
    """Raises ConfigError unless torch computes on the device of that name: cpu, cuda or cuda:1."""
    able = ["cpu"]
    if cuda_here():
        able += ["cuda", *(f"cuda:{k}" for k in range(torch.cuda.device_count()))]
    if device not in able:
        what = f"{device} asked for, but torch computes on {', '.join(able)} here"
        raise ConfigError("device", what, "use one of these")


def halved_to_fit(attempt: Callable[[int], Made], most: int) -> tuple[Made, str]:
    """What `attempt` makes for passes of `most` pictures, or else of half as many, until the memory suffices.

    With it what to add to a detector's description: empty where nothing was halved. Raises ModelError, in the words of
    torch, where not even one picture fits.
    """
    batch, note = most, ""
    while True:
        try:
            return attempt(batch), note
        except RuntimeError as error:  # a graph that finds no memory while it is captured may end in another error
            words = str(error).partition("\n")[0].partition(". ")[0]
            if batch == 1:
                what = f"torch cannot run a pass of one picture here ({words})"
                raise ModelError("detector", what, "set a smaller input, or detector.engine: openvino") from error
        batch //= 2  # not before the error is forgotten: it holds what was made so far
        note = f", {batch} pictures a pass, since {most} did not fit ({words})"
