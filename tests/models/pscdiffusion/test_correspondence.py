"""The frozen correspondence network, on weights that the test makes in the published form."""

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torchvision.models import resnet101

from anicolor.errors import AnicolorError
from anicolor.models.pscdiffusion.correspondence import CorrespondenceFlow, Encoder, WarpEstimator


def size(network: nn.Module) -> int:
    return sum(p.numel() for p in network.parameters())


def test_parameters_come_to_the_published_count() -> None:
    with torch.device("meta"):
        whole = resnet101()
        encoder, estimator = Encoder(), WarpEstimator()
    encoders = 2 * (size(whole) - size(whole.fc))
    head = 2048 * 2048 + 2048 + 2048 * 128 + 128
    assert encoders + 2 * head + size(estimator) == 104_145_030
    unused = size(whole.layer4) + size(whole.fc)
    assert size(encoder) == size(whole) - unused


def published(prefix: str = "module.") -> dict[str, Tensor]:
    """Weights as their training leaves them: two copies of each norm, parts that only the training needs."""
    torch.manual_seed(0)
    named = {}
    for name, value in Encoder().state_dict().items():
        *place, last = name.split(".")
        if place[-1].startswith("bn") or place[-2:] == ["downsample", "1"]:
            named |= {".".join(("encoder_q", *place, "norms", str(n), last)): value for n in (0, 1)}
        else:
            named[f"encoder_q.{name}"] = value
    named |= {f"stn.{name}": value for name, value in WarpEstimator().state_dict().items()}
    named["framework.queue"] = torch.zeros(4, 8)
    return {prefix + name: value for name, value in named.items()}


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("psc") / "psc_resnet101.pth.tar"
    torch.save({"epoch": 3, "state_dict": published()}, path)
    return path


def test_the_published_file_is_loaded_and_finds_a_flow(weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANICOLOR_PSC", str(weights))
    flow = CorrespondenceFlow()
    torch.manual_seed(0)
    expected = Encoder().eval()
    assert torch.equal(flow.encoder.layer3[22].bn3.weight, expected.layer3[22].bn3.weight)
    lines, picture = torch.rand(2, 1, 40, 72), torch.rand(2, 3, 40, 72)
    found = flow.estimate(lines, picture)
    assert found.shape == (2, 2, 40, 72)
    assert found.isfinite().all()
    assert not torch.allclose(found[0], flow.estimate(lines[:1], 1 - picture[:1])[0], atol=1e-4)


def test_an_estimator_that_sees_nothing_leaves_everything_where_it_is(weights: Path) -> None:
    flow = CorrespondenceFlow(weights)
    for net in (flow.estimator.net_4x, flow.estimator.net_8x, flow.estimator.net_16x):
        nn.init.zeros_(net[-2].weight)
        nn.init.zeros_(net[-2].bias)
    assert flow.estimate(torch.rand(1, 1, 33, 57), torch.rand(1, 3, 33, 57)).abs().max() < 1e-4
    nn.init.constant_(flow.estimator.net_16x[-2].bias, 0.5)  # a quarter of the picture to the right, and down
    moved = flow.estimate(torch.rand(1, 1, 33, 57), torch.rand(1, 3, 33, 57))
    assert torch.allclose(moved[0, 0], torch.tensor(14.0), atol=1e-3)
    assert torch.allclose(moved[0, 1], torch.tensor(8.0), atol=1e-3)


def test_weights_of_something_else_are_refused(tmp_path: Path) -> None:
    other = tmp_path / "other.pth"
    torch.save({"state_dict": {"encoder_q.conv1.weight": torch.zeros(1)}}, other)
    with pytest.raises(AnicolorError, match=r"other\.pth: expected the weights of photo-sketch correspondence"):
        CorrespondenceFlow(other)
    (tmp_path / "damaged.pth").write_bytes(b"PK\x03\x04nothing")
    with pytest.raises(AnicolorError, match="damaged"):
        CorrespondenceFlow(tmp_path / "damaged.pth")
