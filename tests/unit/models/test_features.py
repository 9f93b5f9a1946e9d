"""The embedded trunk as a backbone of torchvision."""

import numpy as np
import pytest
import torch

from models.features import features_of
from models.registry import find_weights
from stream.errors import ModelError


def test_features_are_those_of_the_detector_when_read_from_its_weights() -> None:
    weights = find_weights("roadtally-small")
    x = torch.from_numpy(np.random.default_rng(0).uniform(0, 255, (2, 3, 96, 160)).astype(np.float32))
    network = weights.network().eval()
    with torch.inference_mode():
        maps = features_of(weights.network(), "small")(x)
        rows = [tower(level).flatten(2) for tower, level in zip(network.head, maps.values(), strict=True)]
        assert torch.allclose(torch.cat(rows, 2).transpose(1, 2), network(x), atol=1e-4)
    assert [tuple(level.shape) for level in maps.values()] == [
        (2, 128, 12, 20), (2, 128, 6, 10), (2, 128, 3, 5), (2, 128, 2, 3)
    ]  # fmt: skip


def test_reading_features_is_refused_when_the_weights_are_of_another_network() -> None:
    with pytest.raises(ModelError, match="expected weights with the trunk and pyramid of a NanoDet-Plus"):
        features_of(find_weights("roadtally-nano").network(), "roadtally-nano")
