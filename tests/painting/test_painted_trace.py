"""What becomes of colour-trace lines in a painted frame."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch
from torch import Tensor

from anicolor.painting.ink import InkColours, InkSamples
from anicolor.painting.layers import layer_picture
from anicolor.painting.painter import Look, Painter
from anicolor.painting.palette import PaletteSamples

LIGHT, DARK = (230, 180, 150), (190, 120, 100)
TRACES = {"red": (255, 0, 0), "green": (0, 200, 0), "blue": (0, 0, 255)}


def drawing(trace: tuple[int, int, int]) -> Tensor:
    page = np.full((48, 64, 3), 255, np.uint8)
    cv2.rectangle(page, (6, 6), (57, 41), (0, 0, 0), 2)
    cv2.line(page, (32, 8), (32, 40), trace, 2)
    return torch.from_numpy(page).permute(2, 0, 1).float() / 255


def fills() -> Tensor:
    page = np.full((48, 64, 3), 255, np.uint8)
    page[6:42, 6:32], page[6:42, 32:58] = LIGHT, DARK
    return torch.from_numpy(page).permute(2, 0, 1).float() / 255


def frame_of(kind: str, trace: tuple[int, int, int], ink: InkColours | None = None):
    art, paint = drawing(trace), fills()
    samples = PaletteSamples()
    samples.add(paint * art.amin(dim=0, keepdim=True), art)
    painter = Painter(Look(ink, samples.colours()), trace=kind)
    return painter.paint(paint * art.amin(dim=0, keepdim=True), None, art.amin(dim=0, keepdim=True), art)


@pytest.mark.parametrize("trace", TRACES.values(), ids=list(TRACES))
def test_painted_over_they_take_the_darker_fill(trace: tuple[int, int, int]) -> None:
    painted = frame_of("paint", trace)
    row = (painted.frame[:, 20, 10:54] * 255).round().int().T.tolist()
    assert {tuple(colour) for colour in row} == {LIGHT, DARK}
    assert [tuple(colour) for colour in row].index(DARK) in (21, 22), "from the light side of the line on"
    assert (painted.frame[:, 20, 6] == 0).all(), "black lines stay"
    lines = layer_picture("lines", painted, 8)
    assert lines.pixels[20, 32, 3] == 0
    assert len(np.unique(layer_picture("regions", painted, 8).pixels[20, 10:54], axis=0)) == 3, (
        "they bound all the same"
    )


@pytest.mark.parametrize("trace", TRACES.values(), ids=list(TRACES))
def test_kept_they_stay_as_drawn_whatever_the_keyframes_show(trace: tuple[int, int, int]) -> None:
    art, brown = drawing(trace), torch.tensor([0.4, 0.2, 0.1])[:, None, None]
    samples = InkSamples()
    samples.add(torch.where(art.amin(dim=0) < 1, brown, fills()), fills(), art)
    kept, shown = (frame_of(kind, trace, samples.colours()) for kind in ("keep", "keyframe"))
    at = 20, 32
    assert torch.allclose(kept.frame[:, *at], kept.paint[:, *at] * drawing(trace)[:, *at])
    assert not torch.allclose(shown.frame[:, *at], kept.frame[:, *at])
    assert torch.equal(kept.frame[:, 20, 6], shown.frame[:, 20, 6]), "other lines as the keyframes show them"


def test_without_trace_lines_nothing_changes() -> None:
    plain = frame_of("keyframe", (0, 0, 0))
    for kind in ("keep", "paint"):
        assert torch.equal(frame_of(kind, (0, 0, 0)).frame, plain.frame)
