"""The yardsticks against drawings whose answer is known by hand."""

from __future__ import annotations

import json
from collections.abc import Mapping

import pytest
import torch
from torch import Tensor

from anicolor.diffusion.noise import FrameNoise
from anicolor.models.catalog import CATALOG
from anicolor.models.colorizer import Reference, Request
from anicolor.models.windows import paint
from anicolor.models.yardsticks.colorizer import build
from anicolor.motion import FlowEstimator

SIZE = 64
NAMES = [known.name for known in CATALOG if not known.learned]
EACH = pytest.mark.parametrize("name", NAMES)
RED, GREEN, BLUE, WHITE = (200, 40, 30), (20, 160, 60), (25, 60, 210), (255, 255, 255)
Colour = tuple[int, int, int]
Box = tuple[int, int, int, int]


def blank() -> Tensor:
    return torch.ones(1, SIZE, SIZE)


def outlines(*boxes: Box) -> Tensor:
    """Lines ``[1, H, W]``: the outlines of the boxes (top, left, bottom, right), one pixel wide."""
    lines = blank()
    for top, left, bottom, right in boxes:
        lines[:, [top, bottom], left : right + 1] = 0
        lines[:, top : bottom + 1, [left, right]] = 0
    return lines


def fills(ground: Colour, *boxes: tuple[Box, Colour]) -> Tensor:
    """Paint ``[3, H, W]``: the boxes filled to the middle of their outlines, on ``ground``."""
    paint = level(ground).expand(3, SIZE, SIZE).clone()
    for (top, left, bottom, right), colour in boxes:
        paint[:, top : bottom + 1, left : right + 1] = level(colour)
    return paint


def level(colour: Colour) -> Tensor:
    return torch.tensor(colour).view(3, 1, 1) / 255


def painted(name: str, lines: Tensor, keyframe: Reference) -> Tensor:
    """Return the colours ``[3, H, W]`` of one frame."""
    request = Request(lines[None], (keyframe,), 1, (1,), torch.zeros(0, 3, SIZE, SIZE))
    return build(name).colorize(request, FrameNoise(0)).frames[0]


def keyframe(lines: Tensor, colours: Tensor, index: int = 0) -> Reference:
    return Reference(index, colours * lines, lines)


def share(result: Tensor, truth: Tensor) -> float:
    """Return how much of the page is right to less than half a level."""
    return float(((result - truth).abs() < 0.4 / 255).all(dim=0).float().mean())


@EACH
def test_a_still_drawing_gets_its_own_colours_back(name: str) -> None:
    box = (12, 10, 44, 50)
    lines, colours = outlines(box), fills(WHITE, (box, RED))
    inside = (slice(None), slice(13, 44), slice(11, 50))
    result = painted(name, lines, keyframe(lines, colours))
    assert torch.equal((255 * result).round()[inside], (255 * colours).round()[inside])
    assert (result[:, lines[0] == 0] == 0).all()


def test_flow_follows_a_square_that_moves_and_region_fills_it_exactly() -> None:
    before, now = (16, 12, 46, 42), (16, 16, 46, 46)
    given = keyframe(outlines(before), fills(WHITE, (before, RED)))
    lines, truth = outlines(now), fills(WHITE, (now, RED))
    right = {name: share(painted(name, lines, given), truth * lines) for name in NAMES}
    assert right["copy"] <= 1 - 2 * 3 * 29 / SIZE**2  # a strip at each side, without outlines
    assert right["flow"] > 0.995
    assert right["region"] == 1


@EACH
def test_the_ink_of_the_keyframe_does_not_come_along(name: str) -> None:
    given = keyframe(outlines((16, 12, 46, 42)), fills(RED))
    lines = outlines((16, 20, 46, 50))
    assert share(painted(name, lines, given), fills(RED) * lines) == 1


def test_two_regions_have_exactly_the_two_colours_of_the_keyframe() -> None:
    left, right = (10, 8, 54, 30), (10, 30, 54, 56)
    lines = outlines(left, right)
    given = keyframe(lines, fills(WHITE, (left, RED), (right, BLUE)))
    result = (255 * painted("region", lines, given)).round().int()
    for (top, near, bottom, far), colour in ((left, RED), (right, BLUE)):
        inside = result[:, top + 1 : bottom, near + 1 : far]
        assert (inside == torch.tensor(colour).view(3, 1, 1)).all()
    assert (result[:, 0, 0] == 255).all()


def test_a_region_takes_its_most_frequent_colour() -> None:
    box = (10, 10, 50, 50)
    spotted = fills(WHITE, (box, RED), ((20, 20, 40, 34), GREEN))
    result = painted("region", outlines(box), keyframe(outlines(box), spotted))
    assert share(result, fills(WHITE, (box, RED)) * outlines(box)) == 1


class Aside(FlowEstimator):
    """Less than half a pixel to the right, everywhere."""

    def estimate(self, target: Tensor, source: Tensor) -> Tensor:
        return torch.tensor([0.4, 0.0]).view(1, 2, 1, 1).expand(len(target), 2, *source.shape[-2:])


def test_no_region_takes_a_colour_that_nobody_painted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("anicolor.models.yardsticks.colorizer.DisFlow", Aside)
    columns = torch.where(torch.arange(SIZE) % 2 == 0, level(RED), level(GREEN)).expand(3, SIZE, SIZE)
    lines = outlines((16, 12, 46, 42))
    found = (255 * painted("region", lines, keyframe(blank(), columns))).round().int()[:, lines[0] == 1]
    assert {tuple(colour) for colour in found.T.tolist()} <= {RED, GREEN}


def test_the_pale_joint_of_a_line_does_not_leak() -> None:
    box = (16, 12, 46, 42)
    lines = outlines(box)
    lines[:, 16, 20:23] = 0.9
    colours = fills(WHITE, (box, RED))
    result = painted("region", lines, keyframe(lines, colours))[:, 17:46, 13:42]
    assert share(result, fills(RED)[:, 17:46, 13:42]) == 1


def test_a_pixel_aslant_is_no_way_through_a_line() -> None:
    lines = blank()
    lines[:, torch.arange(SIZE), torch.arange(SIZE)] = 0
    below = torch.ones(SIZE, SIZE).tril().bool()
    colours = torch.where(below, level(RED), level(BLUE))
    assert share(painted("region", lines, keyframe(lines, colours)), colours * lines) == 1


def test_soft_lines_have_no_fringe() -> None:
    """What the frame is painted with is one colour up to the ink, and through it."""
    box = (10, 10, 50, 50)
    lines = outlines(box)
    lines[:, 9, 9:52] = lines[:, 11, 11:50] = 0.6
    given = keyframe(lines, fills(WHITE, ((9, 10, 50, 50), RED)))
    result = painted("region", lines, given)
    assert torch.allclose(result[:, 11, 30], 0.6 * level(RED).flatten())


@EACH
@pytest.mark.parametrize(
    ("frame", "drawn"),
    [(blank(), outlines((9, 9, 50, 50))), (outlines((9, 9, 50, 50)), blank()), (blank(), blank())],
    ids=["frame", "keyframe", "both"],
)
def test_pages_without_ink(name: str, frame: Tensor, drawn: Tensor) -> None:
    result = painted(name, frame, keyframe(drawn, fills(GREEN)))
    assert share(result, fills(GREEN) * frame) == 1


@EACH
@pytest.mark.parametrize(("frame", "drawn"), [(0.0, 1.0), (1.0, 0.0), (0.0, 0.0)], ids=["frame", "keyframe", "both"])
def test_pages_that_are_all_ink(name: str, frame: float, drawn: float) -> None:
    result = painted(name, frame * blank(), keyframe(drawn * blank(), fills(GREEN)))
    assert share(result, fills(GREEN) * frame * drawn) == 1


def colours_of(name: str, length: int, references: Mapping[int, Colour]) -> dict[int, Colour]:
    """Paint blank pages between keyframes of one colour each; return the colour of each frame."""
    given = {index: keyframe(blank(), fills(colour), index) for index, colour in references.items()}
    windows = paint(build(name), length, lambda span: torch.ones(len(span), 1, SIZE, SIZE), given, FrameNoise(0))
    return {
        index: tuple((255 * colours[:, 0, 0]).round().int().tolist())
        for frames, window in windows
        for index, colours in zip(frames, window.frames, strict=True)
    }


@EACH
def test_the_nearest_keyframe_paints_and_of_two_the_earlier(name: str) -> None:
    assert colours_of(name, 6, {0: RED, 4: BLUE}) == {1: RED, 2: RED, 3: BLUE, 5: BLUE}


@EACH
def test_a_keyframe_after_the_frames_is_enough(name: str) -> None:
    assert colours_of(name, 3, {2: BLUE}) == {0: BLUE, 1: BLUE}


@EACH
def test_steps_are_ignored(name: str) -> None:
    lines = outlines((9, 9, 50, 50))
    request = Request(lines[None], (keyframe(lines, fills(GREEN)),), 1, (1,), torch.zeros(0, 3, SIZE, SIZE))
    yardstick = build(name)
    assert yardstick.traits.steps == 0
    again = yardstick.colorize(request, FrameNoise(0), 7).frames
    assert torch.equal(again, yardstick.colorize(request, FrameNoise(0)).frames)


@EACH
def test_the_command_says_that_it_needs_no_weights_and_takes_no_steps(anicolor, film, keyframes, out, name):
    asked = ("colorize", film, "--keyframes", keyframes, "-o", out, "--model", name, "--json")
    planned = json.loads(anicolor(*asked, "--dry-run").out)
    assert not out.exists()
    done = json.loads(anicolor(*asked, "--steps", 9).out)
    assert done.pop("seconds") >= 0
    assert done == planned
    assert {fact: done[fact] for fact in ("model", "weights", "steps", "device", "frames")} == {
        "model": name,
        "weights": "none needed",
        "steps": 0,
        "device": "cpu",
        "frames": 4,
    }
    assert len(list(out.glob("*.png"))) == 4


@EACH
def test_the_command_refuses_weights_and_training(anicolor, film, keyframes, weights, out, name):
    refused = anicolor("colorize", film, "--keyframes", keyframes, "-o", out, "--model", name, "--weights", weights)
    assert (refused.code, out.exists()) == (2, False)
    assert f"{name} learns nothing and takes no weights" in refused.err
    refused = anicolor("train", name, "--out", out)
    assert (refused.code, out.exists()) == (2, False)
    assert f"no recipe trains '{name}'" in refused.err
