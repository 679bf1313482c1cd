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
    changed = (palette.flatten(image, drawing) - image).abs().amax(dim=0) > 0.06
    assert changed.float().mean() < 0.002


@pytest.mark.parametrize("size", [(1, 1), (2, 9), (4, 40), (5, 5), (6, 3)], ids=str)
def test_keyframes_of_any_size_have_a_palette(size: tuple[int, int]) -> None:
    image = torch.ones(3, *size)
    palette = palette_of(image, drawing=image)
    assert (palette is None) == (size[0] * size[1] < 8)
    if palette is not None:
        assert torch.equal(palette.flatten(image, image), image)


def test_too_many_colours_say_nothing_of_borders() -> None:
    steps = torch.linspace(0.05, 0.95, 6)
    many = torch.cartesian_prod(steps, steps, steps).T.view(3, 6, 36).repeat_interleave(4, 1).repeat_interleave(4, 2)
    image = torch.cat((many, torch.ones(3, 24, 16)), dim=2)
    palette = palette_of(image, drawing=torch.ones_like(image))
    assert palette is not None
    assert len(palette.touching) > 200
    smear = image.clone()
    smear[:, 4:12, -12:-4] = many[:, 1, 1, None, None]
    assert torch.allclose(palette.flatten(smear, torch.ones_like(smear)), smear, atol=1e-4)
