"""The description of a foreign detector: a small YAML file beside the network.

file: picodet_s_416.onnx     # ONNX, or OpenVINO IR (.xml with its .bin beside it)
layout: picodet              # or auto: by the shapes of the outputs
classes: coco                # or {0: person, 2: car, 7: truck}: the network's number -> ours
colour: rgb                  # what follows is usual for the layout unless said
mean: [123.675, 116.28, 103.53]
scale: [58.395, 57.12, 57.375]
size: [416, 416]             # width, height, of a file that takes any; by default that of the camera's pictures
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from models.files.weights import COCO_LABELS
from stream.errors import ModelError
from stream.messages import LABELS

Shift = Annotated[float, Field(allow_inf_nan=False)]
Divisor = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Side = Annotated[int, Field(ge=32, le=4096)]
Label = Literal["person", "bicycle", "car", "motorcycle", "bus", "truck"]

WORDS = {"missing": "is missing", "extra_forbidden": "unknown key"}  # instead of pydantic's own


class Description(BaseModel):
    """Which file, and how it is read."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    file: Path
    layout: str = "auto"
    classes: Literal["coco"] | dict[int, Label]
    colour: Literal["rgb", "bgr"] | None = None
    mean: tuple[Shift, Shift, Shift] | None = None
    scale: tuple[Divisor, Divisor, Divisor] | None = None
    size: tuple[Side, Side] | None = None

    def label_of(self) -> dict[int, int]:
        """The network's number of a class -> our label."""
        if self.classes == "coco":
            return dict(COCO_LABELS)
        return {kind: LABELS.index(name) for kind, name in self.classes.items()}


def read_description(path: Path) -> Description:
    """`file` comes back as it is found from here. Raises ModelError that names what is wrong."""
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
        found = Description.model_validate(content)
    except OSError as error:
        raise ModelError.refused(path, "read", error, "check the path") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ModelError(str(path), f"not YAML: {error}", "see docs/detectors.md") from error
    except ValidationError as error:
        problems = "; ".join(
            f"{'.'.join(map(str, e['loc'])) or 'file'}: {WORDS.get(e['type'], e['msg'])}" for e in error.errors()
        )
        raise ModelError(str(path), problems, "see docs/detectors.md") from error
    file = path.parent / found.file
    if not file.is_file():
        raise ModelError(str(path), f"names {found.file}, which is not there", f"place it into {path.parent}")
    return found.model_copy(update={"file": file})
