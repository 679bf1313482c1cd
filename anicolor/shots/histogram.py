"""The papers' measure of change: colour histograms of neighbouring frames.

Source: Shi et al., Deep Line Art Video Colorization with a Few References, section 4.1.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["Histogram", "histogram", "mse"]

Histogram = npt.NDArray[np.float64]

# The paper's threshold of 200 speaks of counts at this many pixels.
_PIXELS = 256 * 256


def histogram(pixels: npt.NDArray[Any]) -> Histogram:
    """Return the 768 counts (256 bins of R, then G, then B) of ``pixels``, as if it had 256x256 of them.

    ``pixels`` is uint8 RGB ``[H, W, 3]``. Each channel's counts sum to 65,536 at any size, so that one
    threshold means the same everywhere.

    Raises:
        ValueError: another shape or type.
    """
    if pixels.ndim != 3 or pixels.shape[2] != 3 or pixels.dtype != np.uint8:
        raise ValueError(f"pixels: expected uint8 [H, W, 3], got {pixels.dtype} {list(pixels.shape)}")
    counts = [np.bincount(pixels[..., channel].ravel(), minlength=256) for channel in range(3)]
    scaled: Histogram = np.concatenate(counts) * (_PIXELS / (pixels.shape[0] * pixels.shape[1]))
    return scaled


def mse(a: Histogram, b: Histogram) -> float:
    """Return the mean squared difference of two histograms, in squared pixels at 256x256."""
    return float(np.mean(np.square(a - b)))
