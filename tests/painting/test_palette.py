"""Flat fills come out in the keyframes' exact colours; shading and what is far from all of them stays."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from anicolor.painting.palette import Palette, PaletteSamples

RED, DARK, WHITE = (200, 50, 40), (150, 30, 30), (255, 255, 255)
PAPER = torch.ones(3, 40, 40)


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
    near = keyframe((203, 47, 44), (147, 33, 30), (251, 252, 255), DARK)
    assert torch.equal(palette.snap(near), keyframe(RED, DARK, WHITE, DARK))


def test_paint_far_from_all_colours_stays() -> None:
    palette = palette_of(keyframe(RED, WHITE))
    assert palette is not None
    green = keyframe((30, 200, 60), (120, 120, 120))
    assert torch.equal(palette.snap(green), green)


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
