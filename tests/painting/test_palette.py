"""Flat fills come out in the keyframes' exact colours; shading and what is far from all of them stays."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from anicolor.painting.palette import Palette, PaletteSamples

RED, DARK, WHITE = (200, 50, 40), (150, 30, 30), (255, 255, 255)
PAPER, INK = torch.ones(3, 40, 40), torch.zeros(3, 40, 40)


def keyframe(*fills: tuple[int, ...], top: int = 255) -> Tensor:
    """Bands of equal height, ``[3, 40, 40]``."""
    bands = torch.tensor(fills, dtype=torch.float32).T / top
    return bands[:, :, None, None].expand(-1, -1, 40 // len(fills), 40).reshape(3, 40, 40)


def palette_of(*images: Tensor, drawing: Tensor = PAPER) -> Palette | None:
    samples = PaletteSamples()
    for image in images:
        samples.add(image, drawing)
    return samples.colours()


def test_paint_close_to_a_colour_becomes_it() -> None:
    palette = palette_of(keyframe(RED, DARK), keyframe(WHITE, RED))
    assert palette is not None
    assert len(palette.colours) == 3
    near = keyframe((203, 47, 44), (147, 33, 30), (202, 52, 38), (251, 252, 255))
    assert torch.equal(palette.flatten(near, PAPER), keyframe(RED, DARK, RED, WHITE))


def test_paint_far_from_all_colours_stays() -> None:
    palette = palette_of(keyframe(RED, WHITE))
    assert palette is not None
    green = keyframe((30, 200, 60), (120, 120, 120))
    assert torch.equal(palette.flatten(green, INK), green)


def smeared(palette: Palette, drawing: Tensor) -> Tensor:
    """A patch of white in red, 12 pixels wide; the palette has both, and dark."""
    paint = keyframe(RED).clone()
    paint[:, 10:22, 10:22] = 1.0
    return palette.flatten(paint, drawing)


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


def test_borders_are_told_by_soft_pixels_too() -> None:
    image = keyframe(RED, WHITE)
    image[:, 19:21] = 0.6 + 0.3 * torch.rand(3, 2, 40, generator=torch.Generator().manual_seed(0))
    palette = palette_of(image)
    assert palette is not None
    assert palette.touching.sum() == 2


def test_too_many_colours_say_nothing_of_borders() -> None:
    many = torch.arange(1600).div(6, rounding_mode="floor").view(40, 40).expand(3, -1, -1) / 270
    palette = palette_of(torch.cat((many, keyframe(RED, WHITE)), dim=2), drawing=torch.ones(3, 40, 80))
    assert palette is None or not palette.touching.any()


@pytest.mark.parametrize("top", [255, 65535])
def test_colours_are_exact_at_any_depth(top: int) -> None:
    odd = (top // 3 + 1, top // 5 + 2, top - 7)
    palette = palette_of(keyframe(odd, odd, top=top))
    assert palette is not None
    assert (palette.colours * top).round().int().tolist() == [list(odd)]


def test_shaded_keyframes_have_no_palette() -> None:
    shade = torch.rand(3, 40, 40, generator=torch.Generator().manual_seed(0))
    assert palette_of(shade) is None
    assert palette_of(torch.cat((shade[:, :20], keyframe(RED)[:, :20]), dim=1)) is None


def test_colours_of_ink_are_none_of_the_paint() -> None:
    drawing = PAPER.clone()
    drawing[:, 18:22] = 0
    image = keyframe(RED, WHITE) * drawing
    palette = palette_of(image, drawing=drawing)
    assert palette is not None
    assert sorted((palette.colours * 255).round().int().tolist()) == sorted([list(RED), list(WHITE)])


def test_a_page_of_ink_has_no_palette() -> None:
    assert palette_of(keyframe(RED), drawing=torch.zeros(3, 40, 40)) is None
    assert palette_of() is None
