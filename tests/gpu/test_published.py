"""torchvision's families on a card in fp16, with random weights: the same numbers as in f32, and batches as singles."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import numpy as np
import pytest
import torch

from models.contract import DetectorSpec
from models.published import FAMILIES
from models.published.detector import TorchvisionDetector
from models.published.name import Name
from models.registry import open_detector
from tests.gpu.conftest import HW


@pytest.fixture(scope="module", params=FAMILIES)
def model(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """FAMILY:FILE of random weights for our six classes."""
    torch.manual_seed(3)
    path = tmp_path_factory.mktemp("weights") / "random.pth"
    torch.save(lively(FAMILIES[request.param].family().new(7, 0.05, 0.6, 0)).state_dict(), path)
    yield f"{request.param}:{path}"
    path.unlink()  # up to 180 MB


def lively(network: torch.nn.Module) -> torch.nn.Module:
    """Norms as after training: with those of a new network, numbers fade from layer to layer until fp16 has none."""
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.momentum = 1.0
    with torch.inference_mode():
        network.backbone.train()(torch.rand(2, 3, 320, 320))  # type: ignore[operator, union-attr]
    return network.eval()


def test_batches_equal_single_pictures_when_a_family_runs_on_the_card(model: str, pictures: np.ndarray) -> None:
    with closing(open_detector(DetectorSpec(model, (HW,), "torch", max_batch=3, score=0.05))) as detector:
        alone = [detector.start(pictures[k : k + 1]).result()[0] for k in range(3)]
        for count in (3, 2):
            for one, both in zip(alone, detector.start(pictures[:count]).result(), strict=False):
                # Random weights like thousands of boxes alike: which are kept hangs on the last bit.
                assert len(one) == pytest.approx(len(both), abs=max(5, 0.25 * len(one)))
                assert np.isfinite(both.xyxy).all() and np.isfinite(both.score).all()
                if len(one):
                    assert both.score.max() == pytest.approx(one.score.max(), abs=0.02)


def test_features_are_those_of_f32_when_a_network_computes_in_fp16(model: str, pictures: np.ndarray) -> None:
    """The finest features, before anything is chosen. Fifty layers of random weights make a last bit a tenth of all."""
    family, _, path = model.partition(":")
    seen: dict[str, list[torch.Tensor]] = {}
    for precision in ("f32", "auto"):
        tensors = torch.load(path, weights_only=True)
        spec = DetectorSpec(model, (HW,), "torch", precision, max_batch=1)
        detector = TorchvisionDetector(FAMILIES[family].family(), Name(family, path), tensors, spec)
        found = seen[precision] = []
        detector._network.backbone.register_forward_hook(lambda *call, found=found: found.extend(call[2].values()))  # type: ignore[union-attr, misc]
        detector.start(pictures[:1])
        detector.close()
    exact, rough = seen["f32"][0], seen["auto"][0]
    assert rough.dtype is torch.float32
    assert torch.corrcoef(torch.stack((rough.flatten(), exact.flatten())))[0, 1] > 0.97
