"""The finish: the artist's lines stay, no blurred line shows beside them, and nothing shines through."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch
from tiny_cuts import draw

from anicolor.media.picture import Picture, from_frame, to_frame
from anicolor.painting.finish import covers_drawing, finish, opacity, paint_layer, whitened

RED = torch.tensor([0.8, 0.2, 0.1])


def painted_disc(scale=1):
    """A frame as a network paints it: a red disc on white under its soft black outline, and that outline."""
    side = 64 * scale
    fill, ink = np.zeros((side, side), np.uint8), np.zeros((side, side), np.uint8)
    cv2.circle(fill, (side // 2, side // 2), 20 * scale, 255, -1)
    cv2.circle(ink, (side // 2, side // 2), 20 * scale, 255, 2, cv2.LINE_AA)
    lines = 1 - torch.from_numpy(ink).float()[None] / 255
    inside = torch.from_numpy(fill > 0)
    colours = torch.where(inside, RED[:, None, None], 1.0)
    return colours * lines, lines


@pytest.mark.parametrize("size", [(64, 64), (128, 96), (48, 32)])
def test_paint_has_the_size_of_the_frame_and_stays_in_range(size):
    colours, lines = painted_disc()
    layer = paint_layer(colours, lines, size)
    assert layer.shape == (3, *size)
    assert layer.min() >= 0
    assert layer.max() <= 1


def test_the_networks_own_ink_is_taken_out():
    colours, lines = painted_disc()
    layer = paint_layer(colours, lines, (64, 64))
    # Under the ink there is a fill from beside it, no gray.
    distance = torch.stack([(layer - c[:, None, None]).abs().amax(dim=0) for c in (RED, torch.ones(3))]).amin(dim=0)
    assert distance.max() < 0.02


def test_no_ghost_beside_the_line_at_full_size():
    colours, lines = painted_disc()
    _, drawn = painted_disc(scale=4)
    frame = finish(paint_layer(colours, lines, (256, 256)), drawn.expand(3, -1, -1))
    beside = (drawn[0] == 1) & near(drawn[0] < 1)
    assert frame[0][beside].min() > 0.7  # red or white has a bright red channel, ink has not


def near(mask, reach=6):
    side = np.ones((2 * reach + 1, 2 * reach + 1), np.uint8)
    return torch.from_numpy(cv2.dilate(mask.numpy().astype(np.uint8), side) > 0)


def test_almost_white_becomes_paper_white():
    layer = paint_layer(torch.full((3, 8, 8), 250 / 255), torch.ones(1, 8, 8), (8, 8))
    assert (whitened(layer) == 1).all()


@pytest.mark.parametrize("lines", [torch.ones(1, 8, 8), torch.zeros(1, 8, 8)], ids=["no-ink", "all-ink"])
def test_pages_without_ink_and_without_paper(lines):
    colours = torch.rand(3, 8, 8, generator=torch.Generator().manual_seed(0)) * 0.9
    layer = paint_layer(colours, lines, (8, 8))
    assert torch.isfinite(layer).all()
    if lines.all():
        assert torch.equal(layer, colours)


def test_the_drawing_comes_out_as_it_went_in():
    drawing = torch.ones(3, 4, 4)
    drawing[:, 1] = 0
    drawing[:, 2] = torch.tensor([1.0, 0.25, 0.25])[:, None]  # a colour-trace line
    frame = finish(torch.full((3, 4, 4), 0.5), drawing)
    assert (frame[:, 1] == 0).all()
    assert torch.allclose(frame[:, 2, 0], torch.tensor([0.5, 0.125, 0.125]))
    assert torch.equal(finish(torch.ones(3, 4, 4), drawing), drawing)


@pytest.mark.parametrize("shot", [0, 1])
def test_cels_are_told_from_ink_on_nothing(shot):
    drawing = draw(shot, 0)
    on_white = to_frame(Picture(drawing.lines))
    assert covers_drawing(drawing.cel[..., 3], on_white)
    assert not covers_drawing(drawing.on_nothing[..., 3], on_white)


def soft_drawing():
    """An antialiased outline on nothing: ``[H, W]`` alpha, black everywhere."""
    ink = np.zeros((64, 64), np.uint8)
    cv2.circle(ink, (30, 30), 20, 255, 2, cv2.LINE_AA)
    return np.dstack([np.zeros((64, 64, 3), np.uint8), ink])


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("outside", [1.0, 0.3], ids=["paper", "painted"])
def test_laid_on_white_the_frame_is_the_same_with_and_without_alpha(bits, outside):
    pixels = soft_drawing() if bits == 8 else np.uint16(257) * soft_drawing()
    picture = Picture(pixels)
    drawing = to_frame(picture)
    paint = torch.full((3, 64, 64), outside)
    yy, xx = torch.meshgrid(torch.arange(64), torch.arange(64), indexing="ij")
    paint[:, (xx - 30) ** 2 + (yy - 30) ** 2 <= 400] = RED[:, None]
    alpha = opacity(paint, drawing, finish(paint, drawing), picture.alpha)
    assert alpha.dtype == pixels.dtype
    frame = finish(paint, drawing)
    with_alpha = from_frame(frame, bits, alpha)
    levels = 2**bits - 1
    assert (to_frame(with_alpha) - to_frame(from_frame(frame, bits))).abs().max() <= 1 / levels
    opaque = picture.alpha == levels
    assert (with_alpha.pixels[opaque] == (0, 0, 0, levels)).all()
    inside = ((xx - 30) ** 2 + (yy - 30) ** 2 <= 300).numpy()
    assert (alpha[inside] == levels).all()
    corner = alpha[0, 0]
    assert corner == (0 if outside == 1 else levels)


def test_white_paint_inside_an_outline_is_opaque():
    picture = Picture(soft_drawing())
    alpha = opacity(torch.ones(3, 64, 64), to_frame(picture), to_frame(picture), picture.alpha)
    assert alpha[30, 30] == 255
    assert alpha[2, 2] == 0


def test_a_soft_outline_on_paper_keeps_its_own_opacity_outside():
    picture = Picture(soft_drawing())
    drawing = to_frame(picture)
    paint = torch.ones(3, 64, 64)
    paint[:, 20:40, 20:40] = RED[:, None, None]
    alpha = opacity(paint, drawing, finish(paint, drawing), picture.alpha)
    yy, xx = np.mgrid[:64, :64]
    outer = (xx - 30) ** 2 + (yy - 30) ** 2 > 21**2
    assert np.array_equal(alpha[outer], picture.alpha[outer])


def test_colour_that_ran_over_an_outline_leaves_no_fringe():
    """The network's frame is smaller: enlarged, its colours end a little outside the line."""
    picture = Picture(soft_drawing())
    drawing = to_frame(picture)
    yy, xx = torch.meshgrid(torch.arange(64), torch.arange(64), indexing="ij")
    distance = ((xx - 30.0) ** 2 + (yy - 30.0) ** 2).sqrt()
    blurred = ((distance - 20) / 4).clamp(0, 1)
    paint = RED[:, None, None] * (1 - blurred) + blurred
    frame = finish(paint, drawing)
    alpha = opacity(paint, drawing, finish(paint, drawing), picture.alpha)
    pixels = from_frame(frame, 8, alpha).pixels
    on_black = pixels[..., :3] * (pixels[..., 3:] / 255)
    assert on_black[(distance > 22).numpy()].max() < 0.82 * 255, "never lighter than the paint itself"
    assert on_black[(distance > 22).numpy()][:, 1:].max() < 0.25 * 255, "no white"
    assert (alpha[(distance < 19).numpy()] == 255).all()
    assert (to_frame(Picture(pixels)) - frame).abs().max() <= 1.01 / 255


@pytest.mark.parametrize("fill", [1.0, 0.8], ids=["white", "pale"])
def test_inside_a_thin_outline_all_is_opaque(fill):
    ink = np.zeros((32, 32), np.uint8)
    cv2.rectangle(ink, (8, 8), (23, 23), 255, 1)
    picture = Picture(np.dstack([np.zeros((32, 32, 3), np.uint8), ink]))
    paint = torch.ones(3, 32, 32)
    paint[:, 8:24, 8:24] = fill
    alpha = opacity(paint, to_frame(picture), finish(paint, to_frame(picture)), picture.alpha)
    expected = np.zeros((32, 32), np.uint8)
    expected[8:24, 8:24] = 255
    assert np.array_equal(alpha, expected)
