"""XDoG against SciPy doing the same mathematics."""

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter
from skimage.filters import gaussian

from anicolor.errors import InputError
from anicolor.lines.xdog import DEFAULT, PRESETS, XDoG, response, xdog, xdog_preset


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


@pytest.mark.parametrize("name", PRESETS)
def test_the_response_of_every_preset_equals_scikit_images(name: str) -> None:
    settings = xdog_preset(name)
    frames = torch.rand(1, 3, 60, 80, generator=torch.Generator().manual_seed(2))
    grey = np.tensordot([0.299, 0.587, 0.114], frames[0].numpy().astype(np.float64), axes=1)
    narrow, wide = (gaussian(grey, sigma, mode="nearest") for sigma in (settings.sigma, settings.k * settings.sigma))
    expected = (1 + settings.p) * narrow - settings.p * wide
    np.testing.assert_allclose(response(frames, settings)[0, 0].numpy(), expected, atol=1e-4)


def test_the_papers_parameters() -> None:
    """AnimeDiffusion, section 5.1."""
    rows = {name: row for name, row in PRESETS.items() if name.startswith("animediffusion-")}
    assert {row.sigma for row in rows.values()} == {0.3, 0.4, 0.5}
    assert all((row.p, row.k, row.epsilon, row.phi) == (9, 4.5, 0.01, 1e9) for row in rows.values())
    assert PRESETS[DEFAULT] == XDoG()


def test_soft_lines_have_grey_levels_and_steps_have_none() -> None:
    frames = torch.full((1, 3, 32, 32), 0.7)
    frames[..., 16:18] = 0.5
    frames[..., 18] = 0.6
    assert set(xdog(frames).unique().tolist()) == {0.0, 1.0}
    soft = xdog(frames, PRESETS["soft"])
    assert ((soft > 0) & (soft < 1)).any()
    assert torch.equal(soft < 1, xdog(frames) < 1)


def test_an_unknown_preset_names_the_known() -> None:
    with pytest.raises(InputError, match=r"no XDoG preset 'fine': choose one of animediffusion-0\.3, "):
        xdog_preset("fine")


def test_kornia_does_the_same_where_gradients_are_wanted() -> None:
    """The way of a GPU, on the CPU: a tensor that wants gradients goes there too."""
    frames = torch.rand(2, 3, 40, 56, generator=torch.Generator().manual_seed(3))
    by_kornia = response(frames.clone().requires_grad_(), XDoG())
    assert by_kornia.requires_grad
    assert torch.allclose(by_kornia.detach(), response(frames, XDoG()), atol=1e-5)


@pytest.mark.gpu
@pytest.mark.parametrize("name", PRESETS)
def test_a_gpu_does_the_same(name: str) -> None:
    frames = torch.rand(4, 3, 270, 480, generator=torch.Generator().manual_seed(4))
    found = response(frames.cuda(), PRESETS[name])
    assert found.is_cuda
    assert torch.allclose(found.cpu(), response(frames, PRESETS[name]), atol=1e-4)


def test_no_frames_are_no_lines() -> None:
    assert xdog(torch.zeros(0, 3, 8, 9)).shape == (0, 1, 8, 9)
