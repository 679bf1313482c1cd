"""The learned extractor, on random weights of the public file's names and shapes."""

from pathlib import Path

import pytest
import torch

from anicolor.errors import AnicolorError, InputError
from anicolor.lines.anime2sketch import Anime2Sketch, Anime2SketchNetwork
from anicolor.lines.extract import Wish, extract, extractor

# Channels into and out of each halving, outermost first: pix2pix's U-Net of eight levels, 64 wide.
HALVINGS = [(3, 64), (64, 128), (128, 256), (256, 512), (512, 512), (512, 512), (512, 512), (512, 512)]


def public_names() -> dict[str, tuple[int, ...]]:
    """Names and shapes in ``netG.pth``, without its "module." """
    shapes: dict[str, tuple[int, ...]] = {}
    for level, (inside, out) in enumerate(HALVINGS):
        first, last = level == 0, level == len(HALVINGS) - 1
        place = "model.model." + "".join("1.model." if n == 0 else "3.model." for n in range(level))
        down, up = (0, 3) if first else (1, 3) if last else (1, 5)
        ending = 1 if first else inside
        shapes[f"{place}{down}.weight"] = (out, inside, 4, 4)
        shapes[f"{place}{down}.bias"] = (out,)
        shapes[f"{place}{up}.weight"] = (out if last else 2 * out, ending, 4, 4)
        shapes[f"{place}{up}.bias"] = (ending,)
    return shapes


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    generator = torch.Generator().manual_seed(0)
    state = {f"module.{name}": 0.02 * torch.randn(shape, generator=generator) for name, shape in public_names().items()}
    path = tmp_path_factory.mktemp("weights") / "netG.pth"
    torch.save(state, path)
    return path


def test_has_the_public_names_and_shapes() -> None:
    with torch.device("meta"):
        state = Anime2SketchNetwork().state_dict()
    assert {name: tuple(value.shape) for name, value in state.items()} == public_names()


def test_takes_lines_out_of_frames_of_any_shape(weights: Path) -> None:
    take = Anime2Sketch(weights, size=256)
    frames = torch.rand(2, 3, 50, 90, generator=torch.Generator().manual_seed(1))
    lines = take(frames)
    assert lines.shape == (2, 1, 50, 90)
    assert lines.dtype == torch.float32
    assert 0 <= float(lines.min()) < float(lines.max()) <= 1
    assert torch.allclose(lines[:1], take(frames[:1]), atol=1e-4)
    assert torch.equal(lines, extractor(Wish("anime2sketch", weights=weights, size=256))(frames))


def test_a_picture_of_its_own_size_is_what_the_network_says(weights: Path) -> None:
    take = Anime2Sketch(weights, size=256)
    frames = torch.rand(1, 3, 256, 256, generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        expected = (take._network(2 * frames - 1) + 1) / 2
    assert torch.allclose(take(frames), expected, atol=1e-6)


def test_without_weights_says_where_they_come_from(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    with pytest.raises(InputError, match=r"netG\.pth: no such file: expected Anime2Sketch.*github.*--weights"):
        extract(torch.ones(1, 3, 8, 8), "anime2sketch")
    with pytest.raises(InputError, match="no such file"):
        Anime2Sketch(tmp_path / "gone.pth")


def test_refuses_weights_of_another_network(tmp_path: Path) -> None:
    torch.save({"conv.weight": torch.zeros(3, 3)}, tmp_path / "other.pth")
    with pytest.raises(AnicolorError, match=r"other\.pth: expected Anime2Sketch's weights, found those of another"):
        Anime2Sketch(tmp_path / "other.pth")
