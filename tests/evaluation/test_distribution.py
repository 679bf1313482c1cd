"""FID against Fréchet's formula written in numpy, with an own extractor and with Inception of random weights."""

import re
from pathlib import Path

import numpy as np
import pytest
import scipy.linalg
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3

from anicolor.errors import AnicolorError, InputError
from anicolor.evaluation.distribution import Fid
from anicolor.pretrained import INCEPTION

Features = NDArray[np.float64]


class Moments(nn.Module):
    """Six features of a picture: the mean and the spread of each channel, in levels."""

    num_features = 6

    def forward(self, pictures: Tensor) -> Tensor:
        assert pictures.dtype == torch.uint8
        flat = pictures.flatten(2).double()
        return torch.cat([flat.mean(2), flat.std(2)], dim=1).float()


def pictures(count: int, seed: int, gain: float = 1.0) -> Tensor:
    """Flat colours with a square on them."""
    draw = torch.Generator().manual_seed(seed)
    frames = torch.rand(count, 3, 1, 1, generator=draw).expand(-1, -1, 24, 24).clone()
    for frame in frames:
        frame[:, 4:12, 6:20] = torch.rand(3, 1, 1, generator=draw)
    return frames * gain


def frechet(a: Features, b: Features) -> float:
    """Heusel et al., equation 6, on rows of features."""
    one, two = np.cov(a, rowvar=False), np.cov(b, rowvar=False)
    root = np.real(scipy.linalg.sqrtm(one @ two))
    return float(((a.mean(0) - b.mean(0)) ** 2).sum() + np.trace(one + two - 2 * root))


def frechet_of_few(a: Features, b: Features) -> float:
    """The same for fewer rows than features: tr sqrt(A'A B'B) is the sum of the singular values of A B'."""
    one, two = ((x - x.mean(0)) / np.sqrt(len(x) - 1) for x in (a, b))
    roots = np.linalg.svd(one @ two.T, compute_uv=False).sum()
    return float(((a.mean(0) - b.mean(0)) ** 2).sum() + (one**2).sum() + (two**2).sum() - 2 * roots)


def moments(frames: Tensor) -> Features:
    levels = np.round(frames.double().numpy() * 255).reshape(len(frames), 3, -1)
    return np.concatenate([levels.mean(2), levels.std(2, ddof=1)], axis=1)


def test_fid_is_the_formula() -> None:
    truth, result = pictures(40, 0), pictures(40, 1, gain=0.8)
    fid = Fid(extractor=Moments())
    for start, stop in ((0, 1), (1, 20), (20, 40)):
        fid.add(result[start:stop], truth[start:stop])
    assert fid.count == 40
    assert fid.value() == pytest.approx(frechet(moments(result), moments(truth)), rel=1e-4)


def test_fid_of_the_same_pictures_is_nothing_and_grows_with_the_damage() -> None:
    truth = pictures(30, 0)
    values = []
    for gain in (1, 0.9, 0.7):
        fid = Fid(extractor=Moments())
        fid.add(truth * gain, truth)
        values.append(fid.value())
    assert values[0] == pytest.approx(0, abs=1e-2)
    assert values[0] < values[1] < values[2]


def test_values_are_rounded_to_levels() -> None:
    seen = []

    class Spy(Moments):
        def forward(self, pictures: Tensor) -> Tensor:
            seen.append(pictures)
            return super().forward(pictures)

    levels = torch.arange(256).view(1, 1, 16, 16).expand(1, 3, -1, -1)
    Fid(extractor=Spy()).add(levels / 255 - 1e-5, levels / 255 + 1e-5)
    assert all(torch.equal(picture, levels.byte()) for picture in seen)


def test_few_pictures_are_noted() -> None:
    fid = Fid(extractor=Moments())
    fid.add(pictures(5, 0), pictures(5, 1))
    assert fid.note is not None
    assert "5 images, fewer than its 6 features" in fid.note
    fid.add(pictures(1, 2), pictures(1, 3))
    assert fid.note is None


def test_one_picture_has_no_distribution() -> None:
    fid = Fid(extractor=Moments())
    with pytest.raises(ValueError, match="FID: expected at least 2 frames, got 0"):
        fid.value()
    fid.add(pictures(1, 0), pictures(1, 1))
    with pytest.raises(ValueError, match="FID: expected at least 2 frames, got 1"):
        fid.value()


@pytest.mark.parametrize(
    ("result", "message"),
    [
        (pictures(3, 0), "one size"),
        (pictures(2, 0)[:, :1], "expected float [T, 3, H, W]"),
        (pictures(2, 0) * float("nan"), "NaN"),
        (pictures(2, 0) * 255, "values in [0, 1]"),
    ],
    ids=["count", "grey", "NaN", "levels"],
)
def test_bad_input_is_one_clear_line_and_not_counted(result: Tensor, message: str) -> None:
    fid = Fid(extractor=Moments())
    with pytest.raises(ValueError, match=re.escape(message)) as error:
        fid.add(result, pictures(2, 1))
    assert "\n" not in str(error.value)
    assert fid.count == 0


class RandomInception(FeatureExtractorInceptionV3):  # type: ignore[misc]
    """Torch-fidelity's network as made, without the weights that its constructor insists on."""

    def load_state_dict(self, *_: object) -> None:
        torch.manual_seed(0)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight)


@pytest.fixture(scope="module")
def inception(tmp_path_factory: pytest.TempPathFactory) -> tuple[nn.Module, Path]:
    """Inception with random weights, and the file of them in torch hub's folder."""
    hub = tmp_path_factory.mktemp("torch") / "hub"
    (hub / "checkpoints").mkdir(parents=True)
    path = hub / "checkpoints" / INCEPTION.file
    torch.save({}, path)
    network = RandomInception("inception", ["2048"], str(path))
    torch.save(network.state_dict(), path)
    return network, path


def test_inception_from_torch_hubs_cache(inception: tuple[nn.Module, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(inception[1].parents[1]))
    fid = Fid()
    fid.add(pictures(2, 0), pictures(2, 1))
    assert fid.count == 2
    assert fid.note is not None
    assert "2 images, fewer than its 2,048 features" in fid.note


@pytest.mark.slow
def test_fid_of_inception_is_that_of_torch_fidelitys_features(inception: tuple[nn.Module, Path]) -> None:
    network, path = inception
    # Inception's own size, where no resizing plays a part
    truth, result = (nn.functional.interpolate(pictures(2, seed), (299, 299)) for seed in (0, 1))
    with torch.inference_mode():
        features = [network((255 * frames).round().byte())[0].double().numpy() for frames in (result, truth)]
    fid = Fid(path)
    fid.add(result, truth)
    assert fid.value() == pytest.approx(frechet_of_few(*features), rel=1e-3)


def test_missing_weights_name_the_file_its_source_and_both_cures(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    for path in (None, tmp_path / "none.pth"):
        with pytest.raises(InputError) as error:
            Fid(path)
        cures = (INCEPTION.source + INCEPTION.file, INCEPTION.option, str(tmp_path / "checkpoints"))
        assert all(cure in str(error.value) for cure in cures)
        assert "\n" not in str(error.value)


@pytest.mark.parametrize("kind", ["text", "other network", "list", "code"])
def test_a_wrong_file_of_weights_is_one_line(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "wrong.pth"
    if kind == "text":
        path.write_text("no weights")
    else:
        torch.save({"other network": {"a": torch.zeros(1)}, "list": [1], "code": nn.Linear(1, 1)}[kind], path)
    with pytest.raises(AnicolorError, match="Inception's weights") as error:
        Fid(path)
    assert str(path) in str(error.value)
    assert "\n" not in str(error.value)
