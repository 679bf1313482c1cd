"""Flat fills come out in the keyframes' exact colours; shading and what is far from all of them stays."""

from __future__ import annotations

import pytest
import torch
from flat_pages import RED, WHITE, keyframe, palette_of


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
