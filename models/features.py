"""The trunk and pyramid of roadtally-small as a backbone of torchvision's detectors, which take any.

The trunk of small costs 1.3 times the whole of roadtally-nano in torch on one thread (15.5 against 11.6 ms for 416x256
in bf16); for that its maps have 128 channels and not 64, and it sees more: see models/weights/README.md.
"""

from __future__ import annotations

from collections import OrderedDict

import torch
from torch import Tensor, nn

from models.arch import NanoDetArch
from models.nanodet import MEAN, GhostPyramid, NanoDet, ShuffleNet
from models.network import Network
from stream.errors import ModelError


class Features(nn.Module):
    """f32 (B, 3, H, W) BGR 0..255 -> "0" to "3": (B, out_channels, H/s, W/s) for the strides s = 8, 16, 32, 64.

    H and W are multiples of 32; the coarsest map is rounded up. A map's cell (column, row) looks at the picture round
    (column, row) x s, its corner: RoIAlign with aligned=False. The names of its tensors are those of NanoDet.
    """

    mean: Tensor

    def __init__(self, arch: NanoDetArch) -> None:
        super().__init__()
        self.out_channels = arch.pyramid
        self.backbone, self.pyramid = ShuffleNet(arch), GhostPyramid(arch)
        self.register_buffer("mean", torch.tensor(MEAN).reshape(1, 3, 1, 1), persistent=False)

    def forward(self, x: Tensor) -> OrderedDict[str, Tensor]:
        levels = self.pyramid(*self.backbone(x - self.mean))
        return OrderedDict((str(k), level) for k, level in enumerate(levels))

    def adopt(self, network: NanoDet) -> None:
        """Take the tensors of a trained network."""
        self.backbone.load_state_dict(network.backbone.state_dict())
        self.pyramid.load_state_dict(network.pyramid.state_dict())


def features_of(network: Network, where: str) -> Features:
    """The features of a trained network. Raises ModelError, naming `where` it is from, if it is no NanoDet."""
    if not isinstance(network, NanoDet) or not isinstance(network.arch, NanoDetArch):
        what = "expected weights with the trunk and pyramid of a NanoDet-Plus, got another network"
        raise ModelError(where, what, "use those of roadtally-small")
    features = Features(network.arch)
    features.adopt(network)
    return features.eval()
