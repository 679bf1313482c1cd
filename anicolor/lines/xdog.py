"""XDoG: lines from the difference of two Gaussians, sharpened and thresholded.

Source: Winnemoeller et al., XDoG: An eXtended Difference-of-Gaussians Compendium; parameters from
AnimeDiffusion (section 4.2, equation 1, and section 5.1).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, TypeAlias

import cv2
import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn.functional import pad

from anicolor.errors import InputError
from anicolor.frames import check_frames

__all__ = ["DEFAULT", "PRESETS", "XDoG", "response", "restyle", "xdog", "xdog_preset"]

_Plane: TypeAlias = npt.NDArray[Any]

# Steeper than this, the step is narrower than the response is exact in float32.
_STEP = 1e8
# ITU-R BT.601, as the published code turns pictures to grey.
_LUMA = (0.299, 0.587, 0.114)


@dataclass(frozen=True)
class XDoG:
    """AnimeDiffusion's parameters (section 5.1); ``sigma`` is 0.3, 0.4 or 0.5 there, in pixels at 256x256.

    With ``phi`` this large the border of a line is a step; a small one (5) gives soft lines.
    """

    sigma: float = 0.5
    k: float = 4.5
    p: float = 9.0
    epsilon: float = 0.01
    phi: float = 1e9


# AnimeDiffusion draws sigma at random for three widths of line. OPDM (section 4.1) and Shi et al. (section 3.1)
# take SketchKeras, whose lines are soft: the last row stands in for it, its phi chosen by eye.
PRESETS: Mapping[str, XDoG] = MappingProxyType(
    {
        "animediffusion-0.3": XDoG(sigma=0.3, k=4.5, p=9.0, epsilon=0.01, phi=1e9),
        "animediffusion-0.4": XDoG(sigma=0.4, k=4.5, p=9.0, epsilon=0.01, phi=1e9),
        "animediffusion-0.5": XDoG(sigma=0.5, k=4.5, p=9.0, epsilon=0.01, phi=1e9),
        "soft": XDoG(sigma=0.5, k=4.5, p=9.0, epsilon=0.01, phi=2.0),
    }
)
DEFAULT = "animediffusion-0.5"


def xdog_preset(name: str) -> XDoG:
    """Return the parameters of the row ``name``.

    Raises:
        InputError: there is no such row.
    """
    if name not in PRESETS:
        raise InputError(f"no XDoG preset {name!r}: choose one of {', '.join(PRESETS)}")
    return PRESETS[name]


def xdog(frames: Tensor, settings: XDoG | None = None) -> Tensor:
    """Return lines ``[T, 1, H, W]`` (0 = ink, 1 = paper) of frames ``[T, 3, H, W]`` in [0, 1].

    Raises:
        ValueError: ``frames`` have another shape or type.
    """
    settings = settings or XDoG()
    excess = _response(frames, settings, settings.epsilon)
    # XDoG, equation 5: paper above epsilon, below it a soft step of steepness phi.
    if settings.phi >= _STEP:
        return _step(excess)
    return excess.clamp_(max=0).mul_(settings.phi).tanh_().add_(1)


def restyle(lines: Tensor, settings: XDoG) -> Tensor:
    """Return line art ``[T, 1, H, W]`` as XDoG draws it, on its own device."""
    with torch.autocast("cpu", enabled=False):  # the threshold is a step: it wants whole precision
        return xdog(lines.expand(-1, 3, -1, -1).cpu(), settings).to(lines.device)


def response(frames: Tensor, settings: XDoG) -> Tensor:
    """Return the sharpened difference of Gaussians ``[T, 1, H, W]``: AnimeDiffusion, equation 1.

    On the CPU by OpenCV, frame by frame; anywhere else, and where gradients are wanted, by kornia, as one batch.

    Raises:
        ValueError: ``frames`` have another shape or type.
    """
    return _response(frames, settings, 0.0)


def _response(frames: Tensor, settings: XDoG, less: float) -> Tensor:
    """Return the response ``less`` a number: OpenCV takes it off on the way."""
    check_frames(frames)
    if frames.device.type != "cpu" or frames.requires_grad:
        return _batch_response(frames, settings) - less
    found = torch.empty(frames.shape[0], *frames.shape[2:])
    for frame, out in zip(frames.float(), found.numpy(), strict=True):
        grey = (frame.new_tensor(_LUMA) @ frame.flatten(1)).view(frame.shape[1:]).numpy()
        narrow, wide = _blurred(grey, settings.sigma), _blurred(grey, settings.k * settings.sigma)
        cv2.addWeighted(narrow, 1 + settings.p, wide, -settings.p, -less, dst=out)
    return found[:, None].to(frames.dtype)


def _step(excess: Tensor) -> Tensor:
    """Return 1 where ``excess`` is not negative, else 0."""
    if excess.device.type != "cpu" or excess.dtype != torch.float32 or excess.requires_grad:
        return (excess >= 0).to(excess.dtype)
    for page in excess[:, 0].numpy():
        # OpenCV asks for "greater": the least negative number there is.
        cv2.threshold(page, -float(np.finfo(np.float32).tiny), 1, cv2.THRESH_BINARY, dst=page)
    return excess


def _blurred(grey: _Plane, sigma: float) -> _Plane:
    kernel = cv2.getGaussianKernel(2 * _radius(sigma) + 1, sigma, cv2.CV_32F)
    return np.asarray(cv2.sepFilter2D(grey, -1, kernel, kernel, borderType=cv2.BORDER_REPLICATE))


def _radius(sigma: float) -> int:
    # Cut at four sigma, as SciPy does.
    return int(4 * sigma + 0.5)


def _batch_response(frames: Tensor, settings: XDoG) -> Tensor:
    grey = (frames * frames.new_tensor(_LUMA)[:, None, None]).sum(dim=1, keepdim=True)
    narrow, wide = (_blurred_batch(grey, sigma) for sigma in (settings.sigma, settings.k * settings.sigma))
    return (1 + settings.p) * narrow - settings.p * wide


def _blurred_batch(grey: Tensor, sigma: float) -> Tensor:
    # Imported on use: kornia takes seconds, and clean line art never comes here.
    from kornia.filters import gaussian_blur2d

    # Repeat the edge first: a picture may be smaller than the kernel.
    radius = _radius(sigma)
    wide = pad(grey, (radius,) * 4, mode="replicate")
    blurred: Tensor = gaussian_blur2d(wide, 2 * radius + 1, (sigma, sigma), "constant")
    return blurred[..., radius : radius + grey.shape[-2], radius : radius + grey.shape[-1]]
