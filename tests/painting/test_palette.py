"""Flat fills come out in the keyframes' exact colours; shading and what is far from all of them stays."""

from __future__ import annotations

import pytest
import torch
from flat_pages import DARK, RED, WHITE, keyframe, palette_of

from anicolor.painting.palette import ColourModel


def test_borders_are_told_by_soft_pixels_too() -> None:
    image = keyframe(RED, WHITE)
    image[:, 19:21] = 0.6 + 0.3 * torch.rand(3, 2, 40, generator=torch.Generator().manual_seed(0))
    palette = palette_of(image)
    assert palette is not None
    assert palette.touching.sum() == 2


@pytest.mark.parametrize("size", [(1, 1), (2, 9), (4, 40), (5, 5), (6, 3)], ids=str)
def test_keyframes_of_any_size_have_a_palette(size: tuple[int, int]) -> None:
    image = torch.ones(3, *size)
    palette = palette_of(image, drawing=image)
    assert (palette is None) == (size[0] * size[1] < 8)
    if palette is not None:
        assert len(palette.colours) == 1


def page(*eye: float) -> torch.Tensor:
    """A small red figure on a page of 800 x 800 pixels, with an eye of twelve."""
    image = torch.ones(3, 800, 800)
    image[:, 100:160, 100:160] = torch.tensor(RED)[:, None, None] / 255
    image[:, 110:113, 110:114] = torch.tensor(eye)[:, None, None]
    return image


@pytest.mark.parametrize(("eye", "kept"), [((0, 0.4, 1), 3), ((0.8, 0.2, 0.16), 2)], ids=["rare", "a softened red"])
def test_a_small_colour_of_a_large_page_is_kept(eye: tuple[float, ...], kept: int) -> None:
    image = page(*eye)
    palette = palette_of(image, drawing=torch.ones_like(image))
    assert palette is not None
    assert len(palette.colours) == kept


def test_a_small_colour_of_a_large_page_is_a_stranger_to_a_model() -> None:
    image = page(0, 0.4, 1)
    model = ColourModel.of([(RED[0] / 255, RED[1] / 255, RED[2] / 255)])
    assert model.strangers(image, torch.ones_like(image)) == (((0, 102, 255), 12),)


def test_the_softened_border_of_a_small_figure_is_no_colour_of_a_large_page() -> None:
    image = page(0, 0.4, 1)
    image[:, 130:160, 100:160] = torch.tensor(DARK)[:, None, None] / 255
    for row, share in enumerate((0.25, 0.5, 0.75)):
        image[:, 130 + row, 100:160] = (share * image[:, 150, 100] + (1 - share) * image[:, 105, 100])[:, None]
    palette = palette_of(image, drawing=torch.ones_like(image))
    assert palette is not None
    assert len(palette.colours) == 4
    model = ColourModel(palette.colours)
    assert model.strangers(image, torch.ones_like(image)) == ()
