"""XDoG against SciPy doing the same mathematics."""

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter

from anicolor.lines.xdog import XDoG, xdog


def by_scipy(frame: np.ndarray, settings: XDoG) -> np.ndarray:
    grey = np.tensordot([0.299, 0.587, 0.114], frame.astype(np.float64), axes=1)
    narrow = gaussian_filter(grey, settings.sigma, mode="nearest")
    wide = gaussian_filter(grey, settings.sigma * settings.k, mode="nearest")
    excess = (1 + settings.p) * narrow - settings.p * wide - settings.epsilon
    return np.where(excess >= 0, 1.0, 1 + np.tanh(settings.phi * excess))


@pytest.mark.parametrize("sigma", [0.3, 0.4, 0.5])
@pytest.mark.parametrize("size", [(40, 56), (3, 5)])
def test_equals_scipy(sigma: float, size: tuple[int, int]) -> None:
    frames = torch.rand(2, 3, *size, generator=torch.Generator().manual_seed(1))
    settings = XDoG(sigma=sigma, phi=2)
    lines = xdog(frames, settings)
    assert lines.shape == (2, 1, *size)
    for ours, frame in zip(lines[:, 0].numpy(), frames.numpy(), strict=True):
        np.testing.assert_allclose(ours, by_scipy(frame, settings), atol=1e-4)


def test_a_dark_line_is_ink_and_a_flat_colour_is_paper() -> None:
    frames = torch.full((1, 3, 32, 32), 0.7)
    frames[..., 16] = 0.1
    lines = xdog(frames)
    assert set(lines.unique().tolist()) == {0.0, 1.0}
    assert (lines[..., 16] == 0).all()
    assert (lines[..., :10] == 1).all()


def test_refuses_lines() -> None:
    with pytest.raises(ValueError, match=r"expected float \[T, 3, H, W\]"):
        xdog(torch.zeros(1, 1, 4, 4))
