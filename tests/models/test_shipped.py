"""The weights that ship: what they promise, judged on a cut that they never saw."""

import json
from pathlib import Path

import pytest
import torch
from torch import Tensor

from anicolor.diffusion.noise import FrameNoise
from anicolor.frames import FrameRange
from anicolor.lines.extract import drawn_lines
from anicolor.media.picture import to_frame
from anicolor.media.sequence import read_picture
from anicolor.models.catalog import CATALOG, Entry
from anicolor.models.colorizer import Colorizer, Reference
from anicolor.models.weights import load_colorizer, read_header
from anicolor.models.windows import Precision, fit, paint

SAHA = Path(__file__).parents[2] / "examples" / "saha"
SHIPPED = [entry for entry in CATALOG if entry.shipped]
SIZE = (256, 256)


def picture(kind: str, number: int) -> Tensor:
    return fit(to_frame(read_picture(SAHA / kind / f"{number:04d}.png"))[None], SIZE)


def psnr(result: Tensor, truth: Tensor) -> float:
    inside = ((truth < 0.95) | (result < 0.95)).any(dim=0)
    return float(-10 * (result - truth)[:, inside].square().mean().log10())


@pytest.mark.parametrize("entry", SHIPPED, ids=lambda entry: entry.name)
def test_shipped_weights_are_small_and_say_where_they_come_from(entry: Entry) -> None:
    assert entry.shipped is not None
    assert entry.shipped.stat().st_size <= 32 * 2**20
    facts = json.loads(read_header(entry.shipped)["facts"])
    assert {"data", "licences", "steps", "device", "hours", "validation_psnr"} <= facts.keys()


def painted(colorizer: Colorizer, number: int, precision: Precision = "float32") -> Tensor:
    """Frame ``number`` of saha, from the keyframes before and after it, and of the drawings between one in four."""
    before, after = number // 16 * 16, min(number // 16 * 16 + 16, 47)
    shown = sorted({*range(before, after, 4), number, after})
    art = torch.cat([drawn_lines(picture("line", drawing)) for drawing in shown])
    references = {n: Reference(n, picture("color", shown[n])[0], art[n]) for n in (0, len(shown) - 1)}

    def lines(frames: FrameRange) -> Tensor:
        return art[frames.start : frames.stop]

    shot = paint(colorizer, len(shown), lines, references, FrameNoise(), precision=precision)
    place = shown.index(number)
    return next(made.frames[place - new.start] for new, made in shot if place in new)


@pytest.mark.parametrize("entry", SHIPPED, ids=lambda entry: entry.name)
@pytest.mark.parametrize("number", [8, 40])
def test_shipped_weights_beat_copying_on_an_unseen_cut(entry: Entry, number: int) -> None:
    truth = picture("color", number)[0]
    copies = [psnr(picture("color", end)[0], truth) for end in (number // 16 * 16, min(number // 16 * 16 + 16, 47))]
    # What tracks carry is 7 dB better, whatever opdm-small's weights are.
    assert psnr(painted(load_colorizer(entry.name), number), truth) > max(copies) + 9


@pytest.mark.parametrize("entry", SHIPPED, ids=lambda entry: entry.name)
@pytest.mark.parametrize(
    ("device", "precision"),
    [
        pytest.param("cpu", "bfloat16", marks=pytest.mark.slow),  # minutes, on a CPU that has no such numbers
        pytest.param("cuda", "bfloat16", marks=pytest.mark.gpu),
        pytest.param("cuda", "float16", marks=pytest.mark.gpu),
    ],
)
def test_half_precision_scores_the_same(entry: Entry, device: str, precision: Precision) -> None:
    colorizer, truth = load_colorizer(entry.name, device=device), picture("color", 1)[0]
    whole, half = (psnr(painted(colorizer, 1, of), truth) for of in ("float32", precision))
    assert half == pytest.approx(whole, abs=0.05)
