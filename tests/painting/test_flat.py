"""The flat finish: exact colours where paint is sure, the region's where it is not, and no smears."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from flat_pages import DARK, INK, PAPER, RED, WHITE, keyframe, palette_of
from torch import Tensor

from anicolor.painting.flat import flatten
from anicolor.painting.palette import Palette


def test_paint_close_to_a_colour_becomes_it() -> None:
    palette = palette_of(keyframe(RED, DARK), keyframe(WHITE, RED))
    assert palette is not None
    assert len(palette.colours) == 3
    near = keyframe((203, 47, 44), (147, 33, 30), (202, 52, 38), (251, 252, 255))
    assert torch.equal(flatten(palette, near, PAPER), keyframe(RED, DARK, RED, WHITE))


def test_paint_far_from_all_colours_stays() -> None:
    palette = palette_of(keyframe(RED, WHITE))
    assert palette is not None
    green = keyframe((30, 200, 60), (120, 120, 120))
    assert torch.equal(flatten(palette, green, INK), green)


def smeared(palette: Palette, drawing: Tensor) -> Tensor:
    """A patch of white in red, 12 pixels wide; the palette has both, and dark."""
    paint = keyframe(RED).clone()
    paint[:, 10:22, 10:22] = 1.0
    return flatten(palette, paint, drawing)


def test_a_smear_that_no_keyframe_shows_takes_the_colour_around_it() -> None:
    apart = palette_of(keyframe(RED), keyframe(WHITE, DARK))
    assert apart is not None
    assert torch.equal(smeared(apart, PAPER), keyframe(RED))
    beside = palette_of(keyframe(RED, WHITE))
    assert beside is not None
    assert (smeared(beside, PAPER)[:, 10:22, 10:22] == 1).all()


def test_the_paint_under_a_line_goes_with_the_paint_beside_it() -> None:
    apart = palette_of(keyframe(RED), keyframe(WHITE, DARK))
    assert apart is not None
    drawing = PAPER.clone()
    drawing[:, 12:14, 10:22] = 0.4  # a line that ends in the smear
    assert torch.equal(smeared(apart, drawing), keyframe(RED))


def lined(edges: tuple[float, float], mirrored: bool) -> tuple[Tensor, Tensor]:
    """A red and a white fill with a line between, whose soft edges were painted dark: the drawing and the paint."""
    drawing, paint = PAPER.clone(), keyframe(RED, WHITE).clone()
    drawing[:, 19] = 0.2
    for row, light in zip((18, 20), edges, strict=True):
        drawing[:, row] = light
        if light < 1:
            paint[:, row] = keyframe(DARK)[:, 0]
    return (drawing.flip(-2), paint.flip(-2)) if mirrored else (drawing, paint)


@pytest.mark.parametrize("mirrored", [False, True])
def test_a_line_lies_on_clean_paint_rather_than_on_what_its_soft_edge_got(mirrored: bool) -> None:
    palette = palette_of(keyframe(RED, DARK), keyframe(RED, WHITE), keyframe(WHITE, DARK))
    assert palette is not None
    under = 20 if mirrored else 19
    drawing, paint = lined((0.9, 1.0), mirrored)
    assert (flatten(palette, paint, drawing)[:, under] == 1).all()
    drawing, paint = lined((0.9, 0.9), mirrored)  # no clean paper at its side
    assert torch.equal(flatten(palette, paint, drawing)[:, under], keyframe(DARK)[:, 0])


@pytest.mark.parametrize("enlarged", [1.0, 3.0])
def test_a_soft_edge_is_not_mixed_with_what_lies_beyond_the_line(enlarged: float) -> None:
    palette = palette_of(keyframe(RED, WHITE))
    assert palette is not None
    drawing, paint = lined((0.9, 1.0), mirrored=False)
    paint[:, 18] = 0.6 * keyframe(RED)[:, 0] + 0.4
    sure = torch.ones(1, 40, 40)
    sure[:, 18] = 0.5
    assert torch.equal(flatten(palette, paint, drawing, sure, enlarged=enlarged)[:, :19], keyframe(RED)[:, :19])


def eye() -> Tensor:
    """A green eye on a page of skin, with a highlight of 15 pixels that is nearly as white as the paper around."""
    image = torch.ones(3, 80, 80)
    image[:, 10:70, 10:70] = torch.tensor([0.94, 0.75, 0.65])[:, None, None]
    image[:, 30:50, 30:50] = torch.tensor([0.2, 0.6, 0.3])[:, None, None]
    image[:, 34:37, 34:39] = torch.tensor([0.92, 0.92, 1.0])[:, None, None]
    return image


def textured() -> Tensor:
    """Flat fills, and a seventh of the page in soft texture."""
    image = torch.cat((keyframe(RED, WHITE), keyframe(DARK, RED)), dim=2).repeat(1, 2, 2)
    draw = torch.Generator().manual_seed(0)
    cloth = torch.nn.functional.interpolate(
        0.3 + 0.4 * torch.rand(1, 3, 5, 5, generator=draw), (30, 30), mode="bilinear"
    )
    image[:, 45:75, 45:75] = cloth[0]
    return image


@pytest.mark.parametrize("others", [0, 3])
@pytest.mark.parametrize("image", [eye(), textured()], ids=["eye", "texture"])
def test_a_keyframe_is_left_as_it_is(image: Tensor, others: int) -> None:
    """Also where it shows things that are rare, and that other keyframes do not show."""
    plain = torch.ones_like(image)
    plain[:, 10:70, 10:70] = torch.tensor([0.94, 0.75, 0.65])[:, None, None]
    drawing = torch.ones_like(image)
    palette = palette_of(image, *[plain] * others, drawing=drawing)
    assert palette is not None
    changed = (flatten(palette, image, drawing) - image).abs().amax(dim=0) > 0.06
    assert changed.float().mean() < 0.002


def test_too_many_colours_say_nothing_of_borders() -> None:
    steps = torch.linspace(0.05, 0.95, 6)
    many = torch.cartesian_prod(steps, steps, steps).T.view(3, 6, 36).repeat_interleave(4, 1).repeat_interleave(4, 2)
    image = torch.cat((many, torch.ones(3, 24, 16)), dim=2)
    palette = palette_of(image, drawing=torch.ones_like(image))
    assert palette is not None
    assert len(palette.touching) > 200
    smear = image.clone()
    smear[:, 4:12, -12:-4] = many[:, 1, 1, None, None]
    assert torch.allclose(flatten(palette, smear, torch.ones_like(smear)), smear, atol=1e-4)


def test_what_is_unsure_takes_the_nearest_colour_of_its_region() -> None:
    palette = palette_of(keyframe(RED, DARK))
    assert palette is not None
    drawing, confidence = PAPER.clone(), torch.ones(1, 40, 40)
    drawing[:, :, 20] = 0.0
    paint = keyframe(RED).clone()
    paint[:, :, 20:] = keyframe(DARK)[:, :, 20:]
    expected = paint.clone()
    paint[:, 5:35, 15:28], confidence[:, 5:35, 15:28] = 0.4, 0.5  # a grey that nobody painted, across the line
    flat = flatten(palette, paint, drawing, confidence)
    assert torch.equal(flat[..., :20], expected[..., :20])
    assert torch.equal(flat[..., 21:], expected[..., 21:])
    assert torch.equal(flatten(palette, paint, drawing)[:, 10:30, 17], paint[:, 10:30, 17]), "sure of a rare colour"


def test_a_region_with_nothing_sure_takes_what_it_was_painted_most() -> None:
    palette = palette_of(keyframe(RED, DARK))
    assert palette is not None
    drawing, confidence = PAPER.clone(), torch.ones(1, 40, 40)
    drawing[:, 8:32, 8:32], drawing[:, 10:30, 10:30] = 0.0, 1.0
    paint = keyframe(RED).clone()
    paint[:, 10:30, 10:25] = keyframe(DARK)[:, 10:30, 10:25]
    confidence[:, 8:32, 8:32] = 0.4
    flat = flatten(palette, paint, drawing, confidence)
    assert torch.equal(flat[:, 10:30, 10:30], keyframe(DARK)[:, 10:30, 10:30])


@pytest.mark.parametrize("gap", [2, 6])
def test_a_gap_in_the_line_is_closed_up_to_so_many_pixels(gap: int) -> None:
    """A box whose outline is open for four pixels, unsure beyond the hole."""
    palette = palette_of(keyframe(RED, DARK))
    assert palette is not None
    drawing, confidence = PAPER.clone(), torch.ones(1, 40, 40)
    drawing[:, :, 20], drawing[:, 18:22, 20] = 0.0, 1.0
    paint = keyframe(RED).clone()
    paint[:, :, 20:] = keyframe(DARK)[:, :, 20:]
    confidence[:, :, 12:40] = 0.3
    flat = flatten(palette, paint, drawing, confidence, gap=gap)
    leaked = torch.equal(flat[:, 19:21, 23], keyframe(RED)[:, 19:21, 23])
    assert leaked == (gap < 4)


@pytest.mark.parametrize("gap", [2, 6])
def test_a_leak_through_a_gap_does_not_take_the_room_along(gap: int) -> None:
    """Two rooms with a hole in their wall; unsure paint of the large one, far from the other's, has run through it."""
    pink, black = torch.tensor([0.98, 0.86, 0.76]), torch.tensor([0.25, 0.18, 0.16])
    drawing = torch.ones(3, 80, 120)
    drawing[:, :, 60:62] = 0.0
    truth = pink[:, None, None].expand(3, 80, 120).clone()
    truth[:, :, 61:] = black[:, None, None]
    palette = palette_of(truth * drawing, drawing=drawing)
    assert palette is not None
    drawing[:, 38 : 38 + gap, 60:62] = 1.0
    paint, confidence = truth.clone(), torch.ones(1, 80, 120)
    paint[:, :, 50:61] = black[:, None, None]
    confidence[:, :, 47:67] = 0.3
    flat = flatten(palette, paint, drawing, confidence, gap=8)
    rooms = (drawing[0] == 1).index_fill(1, torch.arange(60, 62), value=False)
    assert torch.allclose(flat[:, rooms], truth[:, rooms], atol=1e-4)


@pytest.mark.parametrize("times", [1, 3])
def test_a_border_without_a_line_is_as_soft_as_the_colorizer_painted_it(times: int) -> None:
    """Enlarged, its mixtures are narrowed to what they were: one pixel."""
    palette = palette_of(keyframe(RED, DARK).mT)
    assert palette is not None
    share = torch.tensor([1.0] * 6 + [0.6] + [0.0] * 6)
    colours = palette.colours[palette.colours[:, 0].argsort()]
    small = (share * colours[1][:, None] + (1 - share) * colours[0][:, None])[:, None].expand(-1, 9, -1)
    paint = torch.nn.functional.interpolate(small[None], scale_factor=times, mode="bilinear")[0]
    drawing = torch.ones_like(paint)
    flat = flatten(palette, paint, drawing, torch.ones(1, *paint.shape[1:]), enlarged=times)
    away = (flat[:, None] - palette.colours.T[:, :, None, None]).abs().amax(dim=0).amin(dim=0)
    assert (away > 1e-6).sum(dim=1).max() <= 2
    middle = flat[0, 0].numpy()
    assert np.all(np.diff(middle) <= 1e-6), "from one colour to the other, and no third"
    if times == 1:
        assert torch.allclose(flat, paint, atol=1e-5)
