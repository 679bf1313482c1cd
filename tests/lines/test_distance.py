"""Distance fields against SciPy, and what counts as ink."""

import math

import numpy as np
import pytest
import torch
from scipy.ndimage import distance_transform_edt

from anicolor.lines.distance import apart, distance_field, ink, normalized_distance, proximity, without_ink


def test_is_exact() -> None:
    lines = (torch.rand(2, 1, 50, 70, generator=torch.Generator().manual_seed(0)) > 0.01).float()
    field = distance_field(lines)
    assert field.shape == lines.shape
    for ours, page in zip(field[:, 0].numpy(), lines[:, 0].numpy(), strict=True):
        np.testing.assert_array_equal(ours, distance_transform_edt(page).astype(np.float32))


def test_is_the_same_to_the_last_bit_wherever_the_page_lies_in_memory() -> None:
    """A seed promises the same frames, and a last bit can turn a rounded level."""
    lines = (torch.rand(1, 1, 48, 64, generator=torch.Generator().manual_seed(0)) > 0.01).float()
    first, held = distance_field(lines), []
    for size in range(40):
        held.append(np.empty(1000 + 16 * size, np.uint8))
        assert torch.equal(distance_field(lines), first)


def test_a_page_without_ink_is_finite() -> None:
    field = distance_field(torch.ones(1, 1, 30, 40))
    assert torch.allclose(field, torch.full_like(field, math.hypot(30, 40)))


@pytest.mark.parametrize("darkness", [0.1, 0.4, 1.0])
def test_pale_lines_are_ink(darkness: float) -> None:
    lines = torch.ones(1, 1, 20, 20)
    lines[..., 5] = 1 - darkness
    assert torch.equal(ink(lines), lines < 1)


def test_pale_lines_beside_black_ones_are_ink_and_noise_is_not() -> None:
    lines = torch.full((1, 1, 20, 20), 0.97)
    lines[..., 5] = 0.0
    lines[..., 15] = 0.6
    assert ink(lines).sum() == 40


def test_normalized_is_zero_on_ink_and_saturates() -> None:
    lines = torch.ones(1, 1, 8, 200)
    lines[..., 0] = 0.0
    field = normalized_distance(lines, scale=10)
    assert field[0, 0, 0, 0] == 0
    assert float(field[0, 0, 0, 10]) == pytest.approx(1 - math.exp(-1), abs=1e-5)
    assert 0.99 < float(field.max()) <= 1


def test_refuses_frames() -> None:
    with pytest.raises(ValueError, match=r"expected float \[T, 1, H, W\]"):
        distance_field(torch.zeros(1, 3, 4, 4))


def test_paint_under_ink_has_the_colour_of_the_nearest_paper() -> None:
    """A line of three pixels, a pale joint in it, between red on the left and blue on the right."""
    image = torch.zeros(1, 3, 5, 9)
    image[:, 0, :, :3] = 1
    image[:, 2, :, 6:] = 1
    lines = torch.ones(1, 1, 5, 9)
    lines[..., 3:6] = 0
    lines[..., 2, 3:6] = 0.85
    bare = without_ink(image, lines)
    assert torch.equal(bare[..., :4], image[..., :1].expand(-1, -1, -1, 4))
    assert torch.equal(bare[..., 5:], image[..., 8:].expand(-1, -1, -1, 4))
    middle = bare[..., 4]
    assert ((middle == image[..., 0]) | (middle == image[..., 8])).all()


def test_a_picture_that_is_all_ink_or_has_none_stays_as_it_is() -> None:
    image = torch.rand(2, 3, 6, 7)
    lines = torch.stack((torch.zeros(1, 6, 7), torch.ones(1, 6, 7)))
    assert torch.equal(without_ink(image, lines), image)


def test_paint_of_several_frames_is_each_with_its_own_lines() -> None:
    images, lines = torch.rand(2, 3, 8, 8), torch.ones(2, 1, 8, 8)
    lines[0, :, 3] = 0
    lines[1, :, :, 5] = 0
    both = without_ink(images, lines)
    for number in range(2):
        alone = without_ink(images[number : number + 1], lines[number : number + 1])
        assert torch.equal(both[number], alone[0])


def test_the_further_lines_are_the_further_apart_they_lie_and_only_around_them() -> None:
    page = torch.ones(4, 1, 48, 128)
    for frame, column in enumerate((20, 20, 22, 26)):
        page[frame, 0, :, column] = 0
    fields = proximity(page)

    same, near, far = apart(fields[1:].transpose(0, 1), fields[:1])[0, :, 24]
    assert not same.any()
    assert 0 < near[20] < far[20]
    assert far[80] < far[20] / 20
