"""XDoG: lines from the difference of two Gaussians, sharpened and thresholded.

Source: Winnemoeller et al., XDoG: An eXtended Difference-of-Gaussians Compendium; parameters from
AnimeDiffusion (section 4.2, equation 1, and section 5.1).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import pad

from anicolor.frames import check_frames

__all__ = ["XDoG", "response", "xdog"]

# ITU-R BT.601, as the published code turns pictures to grey.
_LUMA = (0.299, 0.587, 0.114)


@dataclass(frozen=True)
class XDoG:
    """AnimeDiffusion's parameters (section 5.1); ``sigma`` is 0.3, 0.4 or 0.5 there, in pixels at 256x256.

    With ``phi`` this large the border of a line is a step; a small one (10) gives soft lines.
    """

    sigma: float = 0.5
    k: float = 4.5
    p: float = 9.0
    epsilon: float = 0.01
    phi: float = 1e9


def xdog(frames: Tensor, settings: XDoG | None = None) -> Tensor:
    """Return lines ``[T, 1, H, W]`` (0 = ink, 1 = paper) of frames ``[T, 3, H, W]`` in [0, 1].

    Raises:
        ValueError: ``frames`` have another shape or type.
    """
    settings = settings or XDoG()
    excess = response(frames, settings) - settings.epsilon
    # XDoG, equation 5: paper above epsilon, below it a soft step of steepness phi.
    return torch.where(excess >= 0, torch.ones_like(excess), 1 + torch.tanh(settings.phi * excess))


def response(frames: Tensor, settings: XDoG) -> Tensor:
    """Return the sharpened difference of Gaussians ``[T, 1, H, W]``: AnimeDiffusion, equation 1.

    Raises:
        ValueError: ``frames`` have another shape or type.
    """
    grey = (check_frames(frames) * frames.new_tensor(_LUMA)[:, None, None]).sum(dim=1, keepdim=True)
    narrow, wide = _gaussian(grey, settings.sigma), _gaussian(grey, settings.k * settings.sigma)
    return (1 + settings.p) * narrow - settings.p * wide


def _gaussian(grey: Tensor, sigma: float) -> Tensor:
    # Imported on use: kornia takes seconds, and clean line art never comes here.
    from kornia.filters import gaussian_blur2d

    # Cut at four sigma and repeat the edge: a picture may be smaller than the kernel.
    radius = int(4 * sigma + 0.5)
    wide = pad(grey, (radius,) * 4, mode="replicate")
    blurred: Tensor = gaussian_blur2d(wide, 2 * radius + 1, (sigma, sigma), "constant")
    return blurred[..., radius : radius + grey.shape[-2], radius : radius + grey.shape[-1]]
