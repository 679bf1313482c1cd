"""The perceptual loss on VGG19 with random weights."""

import re
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torchvision.models.feature_extraction import create_feature_extractor
from torchvision.models.vgg import cfgs, make_layers

from anicolor.errors import AnicolorError, InputError
from anicolor.layers.perceptual import PerceptualLoss


@pytest.fixture(scope="module")
def vgg() -> nn.Sequential:
    torch.manual_seed(0)
    return make_layers(cfgs["E"])


@pytest.fixture(scope="module")
def weights(vgg: nn.Sequential, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("vgg") / "vgg19-dcbb9e9d.pth"
    torch.save({f"features.{key}": value for key, value in vgg.state_dict().items()}, path)
    return path


@pytest.fixture
def pictures() -> tuple[Tensor, Tensor]:
    draw = torch.Generator().manual_seed(0)
    return torch.rand(2, 3, 32, 32, generator=draw), torch.rand(2, 3, 32, 32, generator=draw)


def test_it_is_the_sum_of_the_mean_squares_of_five_layers(
    vgg: nn.Sequential, weights: Path, pictures: tuple[Tensor, Tensor]
) -> None:
    mean, std = (torch.tensor(v).view(3, 1, 1) for v in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)))
    # ReLU 1_1 to 5_1 by counting: a block is convolutions with a ReLU each, and a pooling.
    firsts = [1, 6, 11, 20, 29]
    assert all(isinstance(vgg[n], nn.ReLU) and (n == 1 or isinstance(vgg[n - 2], nn.MaxPool2d)) for n in firsts)
    features = create_feature_extractor(vgg.eval(), [str(n) for n in firsts])
    one, two = (features((picture - mean) / std) for picture in pictures)
    by_hand = sum((one[name] - two[name]).square().mean() for name in one)
    assert PerceptualLoss(weights)(*pictures).item() == pytest.approx(by_hand.item(), rel=1e-4)


def test_style_is_the_distance_of_gram_matrices(
    vgg: nn.Sequential, weights: Path, pictures: tuple[Tensor, Tensor]
) -> None:
    mean, std = (torch.tensor(v).view(3, 1, 1) for v in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)))
    features = create_feature_extractor(vgg.eval(), ["1", "6", "11", "20", "29"])
    one, two = (features((picture - mean) / std) for picture in pictures)
    by_hand = 0.0
    for name in one:
        grams = [torch.einsum("bchw,bdhw->bcd", f, f) / f[0].numel() for f in (one[name], two[name])]
        by_hand += (grams[0] - grams[1]).abs().mean().item()
    loss, style = PerceptualLoss(weights).with_style(*pictures)
    assert style.item() == pytest.approx(by_hand, rel=1e-4)
    assert loss.item() == pytest.approx(PerceptualLoss(weights)(*pictures).item(), rel=1e-6)


def test_only_identical_pictures_cost_nothing(weights: Path, pictures: tuple[Tensor, Tensor]) -> None:
    loss = PerceptualLoss(weights)
    assert loss(pictures[0], pictures[0].clone()).item() == 0
    assert loss(*pictures).item() > 0


def test_the_gradient_reaches_the_picture_and_no_weight(weights: Path, pictures: tuple[Tensor, Tensor]) -> None:
    loss = PerceptualLoss(weights)
    result = pictures[0].requires_grad_()
    loss(result, pictures[1]).backward()
    assert result.grad is not None
    assert result.grad.abs().sum() > 0
    assert not any(parameter.requires_grad for parameter in loss.parameters())


def test_no_file_names_the_one_that_is_needed(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=re.escape("https://download.pytorch.org/models/vgg19-dcbb9e9d.pth")):
        PerceptualLoss(tmp_path / "none.pth")


@pytest.mark.parametrize("kind", ["text", "other network", "other sizes", "list"])
def test_a_wrong_file_is_one_line(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "wrong.pth"
    if kind == "text":
        path.write_text("no weights")
    else:
        small = {f"features.{key}": torch.zeros(1) for key in make_layers(cfgs["E"]).state_dict()}
        torch.save({"other network": {"conv1.weight": torch.zeros(1)}, "other sizes": small, "list": [1]}[kind], path)
    with pytest.raises(AnicolorError, match="VGG19's ImageNet weights") as error:
        PerceptualLoss(path)
    assert str(path) in str(error.value)
    assert "\n" not in str(error.value)
