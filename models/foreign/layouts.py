"""The layouts by name, and which of them a file's outputs have."""

from __future__ import annotations

from models.foreign import boxes, detr, distributions, ssd, yolov8, yolox
from models.foreign.layout import Hw, Layout, Shapes
from stream.errors import ModelError

LAYOUTS: dict[str, Layout] = {
    "yolox": yolox.LAYOUT,
    "yolov8": yolov8.LAYOUT,
    "nanodet": distributions.NANODET,
    "picodet": distributions.PICODET,
    "detr": detr.LAYOUT,
    "detr-softmax": detr.SOFTMAX,
    "ssd": ssd.LAYOUT,
    "boxes": boxes.LAYOUT,
    "mmdetection": boxes.MMDETECTION,
}


def layout_of(name: str, shapes: Shapes, seen_hw: Hw, where: str) -> Layout:
    """The layout of that name, or for `auto` the one that the shapes tell. Raises ModelError."""
    seen = ", ".join(f"{key} {list(shape)}" for key, shape in shapes.items())
    if name != "auto":
        if name not in LAYOUTS:
            raise ModelError(where, f"expected a layout of {', '.join(LAYOUTS)} or auto, got {name!r}")
        if not LAYOUTS[name].fits(shapes, seen_hw):
            raise ModelError(where, f"its outputs ({seen}) are not of layout {name}", "name another, or auto")
        return LAYOUTS[name]
    fitting = [name for name, layout in LAYOUTS.items() if layout.is_told_by(shapes, seen_hw)]
    if len(fitting) != 1:
        what = f"its outputs ({seen}) could be {' or '.join(fitting)}" if fitting else f"no layout has outputs ({seen})"
        raise ModelError(where, what, f"name one: layout: {fitting[0] if fitting else 'yolov8'}")
    return LAYOUTS[fitting[0]]
