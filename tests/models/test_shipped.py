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
from anicolor.models.colorizer import Reference
from anicolor.models.weights import load_colorizer, read_header
from anicolor.models.windows import fit, paint

SAHA = Path(__file__).parents[2] / "examples" / "saha"
SHIPPED = [entry for entry in CATALOG if entry.shipped]
SIZE = (320, 320)


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


@pytest.mark.parametrize("entry", SHIPPED, ids=lambda entry: entry.name)
@pytest.mark.parametrize("number", [8, 40])
def test_shipped_weights_beat_copying_on_an_unseen_cut(entry: Entry, number: int) -> None:
    before = number // 16 * 16
    anchors = (before, min(before + 16, 47))
    references = {
        anchor - before: Reference(
            anchor - before, picture("color", anchor)[0], drawn_lines(picture("line", anchor))[0]
        )
        for anchor in anchors
    }
    colorizer = load_colorizer(entry.name)
    wanted = number - before

    def lines(frames: FrameRange) -> Tensor:
        return torch.cat([drawn_lines(picture("line", before + index)) for index in frames])

    painted = paint(colorizer, anchors[1] - before + 1, lines, references, FrameNoise())
    colours = next(window[wanted - new.start] for new, window in painted if wanted in new)
    truth = picture("color", number)[0]
    copies = [psnr(picture("color", anchor)[0], truth) for anchor in anchors]
    assert psnr(colours, truth) > max(copies) + 5
