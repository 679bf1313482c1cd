"""A painted frame and what it is made of: lines over paint, layers, what needs an eye, the colour model."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest
import torch
from torch import Tensor

from anicolor.media.picture import Picture
from anicolor.painting.ink import InkColours, InkSamples
from anicolor.painting.layers import LAYERS, layer_picture, painted_area
from anicolor.painting.painter import Look, Painted, Painter
from anicolor.painting.palette import ColourModel, PaletteSamples
from anicolor.painting.review import review
from anicolor.painting.soft import soften

SIZE = 48
RED, BLUE, SKIN = (200, 50, 40), (30, 60, 200), (250, 220, 200)


def drawing_of(*, hole: int = 0, size: int = SIZE) -> Tensor:
    """A box with a line down its middle, black and two pixels wide, ``[3, H, W]``."""
    ink = np.full((size, size), 255, np.uint8)
    unit = size // SIZE
    cv2.rectangle(ink, (8 * unit, 8 * unit), (40 * unit, 40 * unit), 0, 2 * unit)
    cv2.line(ink, (24 * unit, 8 * unit), (24 * unit, 40 * unit), 0, 2 * unit)
    ink[20 * unit : 20 * unit + hole, 38 * unit : 43 * unit] = 255
    return torch.from_numpy(ink).float().expand(3, -1, -1) / 255


def paint_of(left: tuple[int, ...] = RED, right: tuple[int, ...] = BLUE, size: int = SIZE) -> Tensor:
    """Its two halves painted, the paper around it white, ``[3, H, W]``."""
    unit = size // SIZE
    paint = torch.ones(3, size, size)
    paint[:, 8 * unit : 41 * unit, 8 * unit : 24 * unit] = torch.tensor(left)[:, None, None] / 255
    paint[:, 8 * unit : 41 * unit, 24 * unit : 41 * unit] = torch.tensor(right)[:, None, None] / 255
    return paint


def painter(finish: str = "flat", model: ColourModel | None = None, ink: InkColours | None = None) -> Painter:
    samples = PaletteSamples()
    samples.add(paint_of() * drawing_of(), drawing_of())
    return Painter(Look(ink, samples.colours() if finish == "flat" else None), finish, model=model)


def laid(top: Picture, ground: np.ndarray) -> np.ndarray:
    cover = top.pixels[..., 3:] / 255
    return top.pixels[..., :3] * cover + ground * (1 - cover)


@pytest.mark.parametrize("finish", ["flat", "soft", "raw"])
@pytest.mark.parametrize("times", [1, 2])
def test_ink_stays_and_so_does_white_paper(finish: str, times: int) -> None:
    drawing = drawing_of(size=SIZE * times)
    painted = painter(finish).paint(paint_of() * drawing_of(), torch.ones(1, SIZE, SIZE), drawing_of()[:1], drawing)
    assert torch.equal(painted.frame[drawing == 0], drawing[drawing == 0])
    assert (painted.paint[:, 2, :] == 1).all()
    if finish == "flat":  # fills run under the lines, and meet there
        ink = {tuple(colour) for colour in (painted.paint[:, 20 * times, 16:] * 255).round().int().T.tolist()}
        assert ink <= {RED, BLUE, (255, 255, 255)}


def test_a_fill_that_is_nearly_white_is_not_white() -> None:
    pale = paint_of((251, 252, 250))
    samples = PaletteSamples()
    samples.add(pale * drawing_of(), drawing_of())
    flat = Painter(Look(None, samples.colours())).paint(pale * drawing_of(), None, drawing_of()[:1], drawing_of())
    fill = (flat.paint[:, 20, 16] * 255).round().int().tolist()
    assert fill == [251, 252, 250]


def example() -> Painted:
    confidence = torch.ones(1, SIZE, SIZE)
    confidence[:, 10:39, 26:39] = 0.3
    return painter().paint(paint_of() * drawing_of(), confidence, drawing_of()[:1], drawing_of())


@pytest.mark.parametrize("bits", [8, 16])
def test_paint_and_lines_laid_on_each_other_are_the_frame(bits: int) -> None:
    painted = example()
    top = 255 if bits == 8 else 65535
    paint, lines = (layer_picture(layer, painted, bits) for layer in ("paint", "lines"))
    assert paint.bits == lines.bits == bits
    cover = paint.pixels[..., 3]
    assert cover[2, 2] == 0
    assert cover[20, 20] == top
    white = np.full((SIZE, SIZE, 3), float(top))
    share = [picture.pixels[..., 3:] / top for picture in (paint, lines)]
    laid_ = white * (1 - share[0]) + paint.pixels[..., :3] * share[0]
    laid_ = laid_ * (1 - share[1]) + lines.pixels[..., :3] * share[1]
    assert np.abs(laid_ - painted.frame.permute(1, 2, 0).numpy() * top).max() <= 1


def test_white_inside_an_outline_is_paint() -> None:
    white = paint_of((255, 255, 255))
    area = painted_area(white, drawing_of())
    assert area[20, 16]
    assert not area[2, 2]


def test_the_lines_layer_has_the_ink_of_the_keyframes() -> None:
    drawing, samples = drawing_of(), InkSamples()
    samples.add(torch.where(drawing < 1, torch.tensor([0.4, 0.2, 0.1])[:, None, None], paint_of()), paint_of(), drawing)
    painted = painter(ink=samples.colours()).paint(paint_of() * drawing, None, drawing[:1], drawing)
    lines = layer_picture("lines", painted, 8)
    assert lines.pixels[20, 24, 3] > 100
    assert (painted.frame[:, 20, 24] - torch.tensor([0.4, 0.2, 0.1])).abs().max() < 0.01
    paint = layer_picture("paint", painted, 8)
    whole = laid(lines, laid(paint, np.full((SIZE, SIZE, 3), 255.0)))
    assert np.abs(whole - painted.frame.permute(1, 2, 0).numpy() * 255).max() <= 1.5


def test_regions_show_a_gap_that_leaks() -> None:
    def apart(hole: int, gap: int) -> bool:
        painted = Painted(drawing_of(hole=hole), paint_of(), paint_of())
        pixels = layer_picture("regions", painted, 8, gap).pixels
        assert (pixels[drawing_of(hole=hole).permute(1, 2, 0).numpy() == 0] == 0).all()
        return bool((pixels[20, 30] != pixels[2, 2]).any())

    assert apart(0, 0)
    assert not apart(5, 1)
    assert apart(5, 6)


def test_confidence_is_a_heat_map() -> None:
    pixels = layer_picture("confidence", example(), 8).pixels.astype(int)
    assert pixels[20, 16].sum() > pixels[20, 32].sum() + 100
    with pytest.raises(ValueError, match="cannot tell"):
        layer_picture("confidence", Painted(*[drawing_of()] * 3), 8)


@pytest.mark.parametrize("layer", LAYERS)
def test_layers_of_an_empty_page(layer: str) -> None:
    page = torch.ones(3, 5, 7)
    picture = layer_picture(layer, Painted(page, page, page, page[:1]), 8)
    assert (picture.height, picture.width) == (5, 7)
    if picture.alpha is not None:
        assert (picture.alpha == 0).all()


def test_what_was_in_doubt_is_noted_by_region() -> None:
    seen = review(example())
    assert seen.confidence is not None
    assert 0.5 < seen.confidence < 0.9
    assert seen.unsure == pytest.approx(0.4, abs=0.1)
    (note,) = seen.regions
    left, top, right, bottom = note.box
    assert (left, top, right, bottom) == pytest.approx((26, 10, 39, 39), abs=2)
    assert note.colour == BLUE
    assert note.confidence == pytest.approx(0.3, abs=0.05)
    assert note.area == pytest.approx(29 * 13, rel=0.15)
    assert seen.doubt is not None
    assert np.isnan(seen.doubt[2, 2])


def test_the_rim_of_a_line_is_no_doubt_that_an_eye_can_see() -> None:
    painted = example()
    assert painted.confidence is not None
    rim = torch.ones_like(painted.confidence)
    rim[:, 20:22] = 0.2  # two pixels wide
    assert review(replace(painted, confidence=rim)).unsure == 0
    rim[:, 20:24] = 0.2
    assert review(replace(painted, confidence=rim)).unsure > 0


def test_regions_in_doubt_are_those_that_the_gap_closes() -> None:
    """Two rooms with a hole of four pixels between them: one is unsure, both together are not."""
    drawing = drawing_of(size=96).clone()
    drawing[:, 46:50, 40:60] = 1.0
    confidence = torch.ones(1, 96, 96)
    confidence[:, :, 48:] = 0.5
    painted = Painted(drawing, *[torch.full_like(drawing, 0.5)] * 2, confidence)
    assert len(review(painted, gap=8).regions) > len(review(painted, gap=0).regions)


def test_nothing_is_in_doubt_of_a_model_that_cannot_tell_or_of_an_empty_page() -> None:
    page = torch.ones(3, 6, 6)
    assert review(Painted(page, page, page)).confidence is None
    empty = review(Painted(page, page, page, page[:1]))
    assert (empty.confidence, empty.unsure, empty.regions) == (1.0, 0.0, ())


def test_a_colour_model_locks_the_fills() -> None:
    red, skin = (205, 50, 40), (0, 200, 0)
    model = ColourModel.of(tuple(level / 255 for level in colour) for colour in (red, skin))
    painted = painter(model=model).paint(paint_of() * drawing_of(), None, drawing_of()[:1], drawing_of())
    shown = {tuple(colour) for colour in (painted.paint * 255).round().int().flatten(1).T.tolist()}
    assert shown <= {red, skin, (255, 255, 255)}
    assert painted.moved == pytest.approx(17 * 33, rel=0.2), "blue had far to go"


def test_colours_of_keyframes_that_are_not_in_the_model() -> None:
    model = ColourModel.of([tuple(level / 255 for level in RED)])
    ((colour, pixels),) = model.strangers(paint_of() * drawing_of(), drawing_of())
    assert colour == BLUE
    assert pixels == pytest.approx(14 * 30, rel=0.15)


def test_soft_paint_does_not_cross_a_line() -> None:
    times = 4
    drawing = torch.ones(3, SIZE * times, SIZE * times)
    drawing[:, :, 24 * times] = 0.0
    small, true = (paint_of(size=SIZE * n)[:, 10 * n : 30 * n] for n in (1, times))
    drawing = drawing[:, 10 * times : 30 * times]
    big = torch.nn.functional.interpolate(small[None], scale_factor=times, mode="bilinear")[0]
    soft = soften(big, drawing, enlarged=times)
    inside = slice(12 * times, 36 * times)
    wrong = [
        ((paint - true)[..., inside].abs().amax(dim=0) > 0.02)[drawing[0][:, inside] == 1] for paint in (big, soft)
    ]
    assert wrong[0].any()
    assert not wrong[1].any()
    assert torch.equal(soften(paint_of(), drawing_of()), paint_of())


def test_soft_paint_keeps_its_shading() -> None:
    times = 3
    shade = torch.linspace(0.2, 0.9, SIZE).expand(3, SIZE, SIZE)
    big = torch.nn.functional.interpolate(shade[None], scale_factor=times, mode="bilinear")[0]
    soft = soften(big, drawing_of(size=SIZE * times), enlarged=times)
    low = [torch.nn.functional.avg_pool2d(paint, 24) for paint in (soft, big)]
    assert torch.allclose(*low, atol=0.01)


def test_a_white_fill_inside_an_outline_is_paint_and_reviewed() -> None:
    drawing, confidence = drawing_of(), torch.ones(1, SIZE, SIZE)
    confidence[:, 10:39, 10:23] = 0.1
    paint = paint_of(left=(255, 255, 255))
    samples = PaletteSamples()
    samples.add(paint * drawing, drawing)
    painted = Painter(Look(None, samples.colours())).paint(paint * drawing, confidence, drawing[:1], drawing)
    layer = layer_picture("paint", painted, 8)
    assert layer.pixels[20, 16].tolist() == [255, 255, 255, 255]
    assert layer.pixels[2, 2, 3] == 0
    seen = review(painted)
    assert seen.unsure == pytest.approx(0.4, abs=0.1)
    assert [note.colour for note in seen.regions] == [(255, 255, 255)]


@pytest.mark.parametrize("line", [(255, 0, 0), (0, 0, 255), (120, 90, 60)])
def test_coloured_lines_laid_on_the_paint_are_the_frame_too(line: tuple[int, int, int]) -> None:
    drawing = drawing_of().clone()
    drawing[:, 12:36, 24] = torch.tensor(line)[:, None] / 255
    painted = painter().paint(paint_of() * drawing[:1].amin(dim=0), None, drawing.amin(dim=0, keepdim=True), drawing)
    whole = np.full((SIZE, SIZE, 3), 255.0)
    for layer in ("paint", "lines"):
        whole = laid(layer_picture(layer, painted, 8), whole)
    assert np.abs(whole - painted.frame.permute(1, 2, 0).numpy() * 255).max() <= 2


def test_a_locked_border_has_no_third_colour() -> None:
    soft = paint_of().clone()
    soft[:, 10:39, 24] = (soft[:, 10:39, 20] + soft[:, 10:39, 30]) / 2  # purple, between red and blue
    purple = tuple((a + b) // 2 for a, b in zip(RED, BLUE, strict=True))
    model = ColourModel.of(tuple(level / 255 for level in colour) for colour in (RED, BLUE, purple))
    samples = PaletteSamples()
    samples.add(paint_of(), torch.ones_like(soft))
    page = torch.ones_like(soft)
    painted = Painter(Look(None, samples.colours()), model=model).paint(soft, None, page[:1], page)
    shown = {tuple(colour) for colour in (painted.paint * 255).round().int().flatten(1).T.tolist()}
    assert shown == {RED, BLUE, (255, 255, 255)}
    assert painted.moved == 0
