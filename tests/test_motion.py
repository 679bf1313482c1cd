"""Warping against SciPy, and which way a flow points."""

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter, map_coordinates

from anicolor.motion import DisFlow, pixel_grid, warp


def test_warping_is_linear_interpolation_clamped_to_the_border() -> None:
    rng = np.random.default_rng(0)
    source = rng.random((2, 3, 13, 17))
    flow = rng.uniform(-6, 6, (2, 2, 13, 17))  # (dx, dy), often out of the picture
    rows, columns = np.mgrid[:13, :17]
    expected = [
        [map_coordinates(plane, [rows + dy, columns + dx], order=1, mode="nearest") for plane in picture]
        for picture, (dx, dy) in zip(source, flow, strict=True)
    ]
    warped = warp(torch.from_numpy(source), torch.from_numpy(flow))
    assert np.allclose(warped.numpy(), expected, atol=1e-9)


@pytest.mark.parametrize("size", [(1, 1), (1, 5), (7, 1)])
def test_pictures_of_one_pixel_a_side_are_warped(size: tuple[int, int]) -> None:
    source = torch.rand(1, 2, *size)
    assert torch.allclose(warp(source, torch.zeros(1, 2, *size)), source)


def test_the_grid_holds_x_then_y() -> None:
    grid = pixel_grid(2, 3, torch.zeros(1, dtype=torch.float64))
    assert grid.dtype == torch.float64
    assert grid.tolist() == [[[[0, 1, 2], [0, 1, 2]], [[0, 0, 0], [1, 1, 1]]]]


def picture(height: int, width: int) -> torch.Tensor:
    smooth = gaussian_filter(np.random.default_rng(0).random((height, width)), 3)
    return torch.from_numpy((smooth - smooth.min()) / np.ptp(smooth)).float()[None, None]


def test_a_flow_leads_from_the_target_to_the_source() -> None:
    canvas = picture(80, 80)
    source, target = canvas[..., 8:72, 8:72], canvas[..., 6:70, 11:75]  # target(y, x) = source(y - 2, x + 3)
    flow = DisFlow().estimate(target, source)
    assert flow.shape == (1, 2, 64, 64)
    inside = flow[..., 12:-12, 12:-12]
    assert inside[:, 0].mean().item() == pytest.approx(3, abs=0.3)
    assert inside[:, 1].mean().item() == pytest.approx(-2, abs=0.3)
    error = (warp(source, flow) - target)[..., 12:-12, 12:-12].abs().mean()
    assert error < 0.1 * (source - target)[..., 12:-12, 12:-12].abs().mean()


@pytest.mark.parametrize("size", [(1, 1), (8, 8), (8, 64), (12, 256), (64, 4)])
def test_pictures_smaller_than_the_search_have_a_flow(size: tuple[int, int]) -> None:
    still = torch.rand(1, 1, *size, generator=torch.Generator().manual_seed(0))
    flow = DisFlow().estimate(still, still)
    assert flow.shape == (1, 2, *size)
    assert flow.abs().max() < 0.1  # nothing moved
