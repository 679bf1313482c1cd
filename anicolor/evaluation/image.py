"""How close painted frames are to the true ones, frame by frame: PSNR, SSIM, MS-SSIM, QSSIM and LPIPS.

Every metric takes ``Frames`` of the result and of the truth, float ``[T, 3, H, W]`` in [0, 1], and returns float64
``[T]``, one value a frame. With a ``mask``, bool ``[T, 1, H, W]``, only the pixels inside count; a frame whose mask
holds no pixel has no value, and that is NaN.

Bad input is a ``ValueError``: another type or shape, two shapes, no frame, NaN, values outside [0, 1], a mask that does
not fit.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from anicolor.errors import AnicolorError
from anicolor.evaluation.check import check_mask, check_pair
from anicolor.pretrained import ALEXNET, find_pretrained, read_pretrained

__all__ = [
    "LPIPS_SMALLEST",
    "MS_SSIM_SMALLEST",
    "SSIM_SMALLEST",
    "Lpips",
    "ms_ssim",
    "psnr",
    "qssim",
    "ssim",
]

_RADIUS, _SIGMA = 5, 1.5  # the 11x11 Gaussian window of Wang et al. 2004
_WINDOW = 2 * _RADIUS + 1
_C1, _C2 = 0.01**2, 0.03**2
_SCALES = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)

SSIM_SMALLEST = _WINDOW
"""Least side of a frame in pixels for SSIM and QSSIM: the window."""

MS_SSIM_SMALLEST = (_WINDOW - 1) * 2 ** (len(_SCALES) - 1) + 1
"""Least side of a frame in pixels for MS-SSIM: halved four times, rounding up, it still holds the window."""

LPIPS_SMALLEST = 31
"""Least side of a frame in pixels for LPIPS: AlexNet's second pooling has nothing to pool below."""


def psnr(result: Tensor, truth: Tensor, mask: Tensor | None = None) -> Tensor:
    """Return the peak signal-to-noise ratio in dB, on RGB with data range 1; infinite for identical frames.

    Raises:
        ValueError: bad input.
    """
    _check(result, truth, mask)
    return _per_frame(lambda a, b: (a - b).square().mean(0), result, truth, mask).log10() * -10


def ssim(result: Tensor, truth: Tensor, mask: Tensor | None = None) -> Tensor:
    """Return the structural similarity, in [-1, 1], 1 for identical frames.

    Gaussian window of 11x11 pixels, sigma 1.5, population covariance, data range 1, the mean of the three channels
    and of the valid region (pixels at least 5 from the border).

    Source: Wang et al., "Image Quality Assessment: From Error Visibility to Structural Similarity", 2004, equation 13;
    equal to scikit-image with ``gaussian_weights=True, use_sample_covariance=False``.

    Raises:
        ValueError: bad input, or a side under 11 px.
    """
    _check(result, truth, mask)
    _check_sides(result, SSIM_SMALLEST, "SSIM")
    return _per_frame(_ssim_map, result, truth, _valid(mask))


def ms_ssim(result: Tensor, truth: Tensor) -> Tensor:
    """Return the multi-scale structural similarity, in [0, 1], 1 for identical frames.

    Five scales, each half the one before by averaging; the window of :func:`ssim`; channels and pixels averaged
    together at each scale; negative means count as 0. As in torchmetrics, the first four scales have the mean of the
    valid region, the last one also counts a border of 5 pixels, filled by reflection, and an odd side loses a pixel
    when it is halved. Torchmetrics refuses sides under 176 px for that: in such frames an odd side gains one instead.

    Source: Wang et al., "Multiscale Structural Similarity for Image Quality Assessment", 2003, equation 7; equal to
    torchmetrics in float64 (in float32 its variances cancel: 0.001 off on flat fills, measured).

    Raises:
        ValueError: bad input, or a side under 161 px.
    """
    _check(result, truth)
    _check_sides(result, MS_SSIM_SMALLEST, "MS-SSIM", cure=": enlarge both with --resize")
    return _per_frame(_ms_ssim, result, truth)


def qssim(result: Tensor, truth: Tensor, mask: Tensor | None = None) -> Tensor:
    """Return the quaternion structural similarity, in [0, 1], 1 for identical frames.

    A pixel is the pure quaternion iR + jG + kB; the window, the constants (added to the real part) and the region are
    those of :func:`ssim`.

    Source: Kolaman and Yadid-Pecht, "Quaternion Structural Similarity: A New Quality Index for Color Images", 2012.

    Raises:
        ValueError: bad input, or a side under 11 px.
    """
    _check(result, truth, mask)
    _check_sides(result, SSIM_SMALLEST, "QSSIM")
    return _per_frame(_qssim_map, result, truth, _valid(mask))


class Lpips:
    """Learned perceptual distance on AlexNet's features, 0 for identical frames, lower is closer.

    The linear weights (version 0.1) come with torchmetrics; AlexNet's own are torchvision's, from ``path`` or torch
    hub's cache, and are never downloaded.

    Source: Zhang et al., "The Unreasonable Effectiveness of Deep Features as a Perceptual Metric", 2018, equation 1.

    Raises:
        InputError: AlexNet's weights are in neither place.
        AnicolorError: they are damaged, or of another network.
    """

    def __init__(self, path: Path | None = None, device: torch.device | str = "cpu") -> None:
        # Private: the public class takes no path, and fetches AlexNet from the net where the cache does not hold it.
        from torchmetrics.functional.image.lpips import _NoTrainLpips

        weights = read_pretrained(ALEXNET, path)
        network = _NoTrainLpips(net="alex", pnet_rand=True)
        try:  # torchmetrics' names have the slice where torchvision's have "features"
            names = {name: f"features.{name.partition('.')[2]}" for name in network.net.state_dict()}
            network.net.load_state_dict({name: weights[theirs] for name, theirs in names.items()})
        except (KeyError, RuntimeError) as error:
            found = find_pretrained(ALEXNET, path)
            raise AnicolorError(f"{found}: expected {ALEXNET.what}, found those of another network") from error
        self._network, self._device = network.to(device), torch.device(device)

    @torch.inference_mode()
    def __call__(self, result: Tensor, truth: Tensor) -> Tensor:
        """Return the distance of every frame, float64 ``[T]``.

        Raises:
            ValueError: bad input, or a side under 31 px.
        """
        _check(result, truth)
        _check_sides(result, LPIPS_SMALLEST, "LPIPS")
        return _per_frame(self._one, result, truth)

    def _one(self, a: Tensor, b: Tensor) -> Tensor:
        pair = (2 * picture[None].to(self._device, torch.float32) - 1 for picture in (a, b))
        value: Tensor = self._network(*pair)
        return value.to(a)


def _check(result: Tensor, truth: Tensor, mask: Tensor | None = None) -> None:
    check_pair(result, truth)
    check_mask(truth, mask)


def _check_sides(frames: Tensor, smallest: int, metric: str, cure: str = "") -> None:
    height, width = frames.shape[-2:]
    if min(height, width) < smallest:
        raise ValueError(f"{metric}: expected frames of at least {smallest} px a side, got {width}x{height}{cure}")


def _per_frame(
    measure: Callable[[Tensor, Tensor], Tensor], result: Tensor, truth: Tensor, mask: Tensor | None = None
) -> Tensor:
    # One frame at a time: a shot's maps in float64 would not fit. Float64: variances of flat fills cancel.
    maps = (measure(a.double(), b.double()) for a, b in zip(result, truth, strict=True))
    if mask is None:
        return torch.stack([values.mean() for values in maps])
    return torch.stack([values[inside].mean() for values, (inside,) in zip(maps, mask, strict=True)])


def _valid(mask: Tensor | None) -> Tensor | None:
    return None if mask is None else mask[..., _RADIUS:-_RADIUS, _RADIUS:-_RADIUS]


def _ssim_map(a: Tensor, b: Tensor) -> Tensor:
    luminance, structure = _ssim_terms(a, b)
    return (luminance * structure).mean(0)


def _ssim_terms(a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
    """Return the luminance and the contrast-structure term, both ``[3, H - 10, W - 10]``."""
    mean_a, mean_b, energy, product = (_blur(each) for each in (a, b, a * a + b * b, a * b))
    means, both = mean_a * mean_b, mean_a.square() + mean_b.square()
    luminance = (2 * means + _C1) / (both + _C1)
    structure = (2 * (product - means) + _C2) / (energy - both + _C2)
    return luminance, structure


def _ms_ssim(a: Tensor, b: Tensor) -> Tensor:
    small = min(a.shape[-2:]) < _WINDOW * 2 ** (len(_SCALES) - 1)
    terms = []
    for _ in _SCALES[:-1]:
        terms.append(_ssim_terms(a, b)[1].mean())
        a, b = (F.avg_pool2d(_even(picture) if small else picture, 2) for picture in (a, b))
    border = [_RADIUS] * 4
    terms.append(_ssim_map(*(F.pad(picture, border, mode="reflect") for picture in (a, b))).mean())
    return torch.pow(torch.stack(terms).clamp(min=0), a.new_tensor(_SCALES)).prod()


def _even(picture: Tensor) -> Tensor:
    height, width = picture.shape[-2:]
    return F.pad(picture[None], (0, width % 2, 0, height % 2), mode="replicate")[0]


def _qssim_map(a: Tensor, b: Tensor) -> Tensor:
    energy = (a * a + b * b).sum(0, keepdim=True)
    mean_a, mean_b, energy, product = (_blur(each) for each in (a, b, energy, _times_conjugate(a, b)))
    means, both = _times_conjugate(mean_a, mean_b), (mean_a.square() + mean_b.square()).sum(0)
    luminance = _norm(2 * means, _C1) / (both + _C1)
    structure = _norm(2 * (product - means), _C2) / (energy[0] - both + _C2)
    return luminance * structure


def _times_conjugate(p: Tensor, q: Tensor) -> Tensor:
    """Return p q* of pure quaternions ``[3, H, W]``: the real part p . q, then the vector -p x q, ``[4, H, W]``."""
    return torch.cat([(p * q).sum(0, keepdim=True), -torch.linalg.cross(p, q, dim=0)])


def _norm(quaternion: Tensor, constant: float) -> Tensor:
    """Return the modulus ``[H, W]`` of a quaternion ``[4, H, W]`` with ``constant`` added to its real part."""
    return torch.cat([quaternion[:1] + constant, quaternion[1:]]).square().sum(0).sqrt()


def _blur(maps: Tensor) -> Tensor:
    """Return ``maps`` ``[N, H, W]`` under the Gaussian window, their valid region ``[N, H - 10, W - 10]``."""
    taps = np.exp(-0.5 * (np.arange(-_RADIUS, _RADIUS + 1) / _SIGMA) ** 2)
    taps /= taps.sum()
    # Float64 convolutions of torch take four times as long (measured).
    blurred = np.stack([cv2.sepFilter2D(each, cv2.CV_64F, taps, taps) for each in maps.cpu().numpy()])
    return torch.from_numpy(blurred[:, _RADIUS:-_RADIUS, _RADIUS:-_RADIUS]).to(maps.device)
