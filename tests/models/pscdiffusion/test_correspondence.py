"""The frozen correspondence network, on weights that the test makes in the published form."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torchvision.models import resnet101

from anicolor.errors import AnicolorError
from anicolor.models.pscdiffusion.colorizer import PRESETS, TINY, build
from anicolor.models.pscdiffusion.correspondence import CorrespondenceFlow, Encoder, WarpEstimator, correlations


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


def test_the_published_form_chooses_it_and_the_small_one_never_does(
    weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ANICOLOR_PSC", str(weights))
    for name, tiny in TINY.items():
        monkeypatch.setitem(PRESETS, name, tiny)
    made, small = build("pscdiffusion"), build("pscdiffusion-small")
    assert isinstance(made.flow, CorrespondenceFlow)
    assert made.settings == replace(TINY["pscdiffusion"], flow="correspondence")
    assert made.frozen == {"encoder": made.flow.encoder, "estimator": made.flow.estimator}
    assert not made.traits.tracked
    assert not made.remarks
    assert small.flow is None
    assert small.settings == TINY["pscdiffusion-small"]


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


def test_correlations_have_a_channel_for_each_place_of_the_target() -> None:
    torch.manual_seed(0)
    (s2, s3), (t2, t3) = ((torch.randn(1, 3, 32, 32), torch.randn(1, 5, 16, 16)) for _ in range(2))
    found = correlations((s2, s3), (t2, t3))
    assert found.shape == (1, 512, 16, 16)
    half = [torch.nn.functional.avg_pool2d(part, 2) for part in (s2, t2)]
    for layer, (s, t) in enumerate((half, (s3, t3))):
        for (y, x), (v, u) in (((0, 3), (5, 1)), ((7, 2), (2, 7)), ((15, 0), (0, 15))):
            by_hand = (t[0, :, y, x] * s[0, :, v, u]).sum()
            assert found[0, 256 * layer + 16 * y + x, v, u].item() == pytest.approx(by_hand.item(), abs=1e-4)


def test_finer_estimates_see_the_source_sampled_before_it_is_pooled() -> None:
    torch.manual_seed(0)
    estimator, seen = WarpEstimator().eval(), []
    for net in (estimator.net_4x, estimator.net_8x, estimator.net_16x):
        nn.init.zeros_(net[-2].weight)
        nn.init.zeros_(net[-2].bias)
        net.register_forward_pre_hook(lambda _, given: seen.append(given[0]))
    source, target = ((torch.randn(1, 3, 32, 32), torch.randn(1, 5, 16, 16)) for _ in range(2))
    estimator(source, target)
    sampled = [torch.nn.functional.grid_sample(part, estimator.base_map, align_corners=True) for part in source]
    assert torch.allclose(seen[0], correlations(source, target))
    for later in seen[1:]:
        assert torch.allclose(later, correlations((sampled[0], sampled[1]), target), atol=1e-5)
    assert not torch.allclose(seen[0][:, :256], seen[1][:, :256], atol=0.1)


def test_it_is_counted_without_its_weights(tmp_path: Path) -> None:
    with torch.device("meta"):
        flow = CorrespondenceFlow(tmp_path / "gone.pth")
    assert size(flow.estimator) == 10_227_462


def test_weights_of_something_else_are_refused(tmp_path: Path) -> None:
    other = tmp_path / "other.pth"
    torch.save({"state_dict": {"encoder_q.conv1.weight": torch.zeros(1)}}, other)
    with pytest.raises(AnicolorError, match=r"other\.pth: expected the weights of photo-sketch correspondence"):
        CorrespondenceFlow(other)
    (tmp_path / "damaged.pth").write_bytes(b"PK\x03\x04nothing")
    with pytest.raises(AnicolorError, match="damaged"):
        CorrespondenceFlow(tmp_path / "damaged.pth")
