"""The one check of what metrics are given."""

from __future__ import annotations

import torch
from torch import Tensor

from anicolor.frames import check_frames

__all__ = ["check_mask", "check_pair"]

_ROUNDING = 1e-4  # how far beyond [0, 1] arithmetic may put a value


def check_pair(result: Tensor, truth: Tensor) -> None:
    """Check two stacks of frames ``[T, 3, H, W]`` that are to be compared.

    Raises:
        ValueError: another type or shape, two shapes, no frame, a value that is no number or not in [0, 1]: 0 to 255
            is what published numbers got wrong.
    """
    for name, frames in (("result", result), ("truth", truth)):
        check_frames(frames, name)
        if not frames.numel():
            raise ValueError(f"{name}: expected at least one frame, got {list(frames.shape)}")
        if not bool(frames.isfinite().all()):
            raise ValueError(f"{name}: expected numbers, found NaN or infinity")
        lowest, highest = (float(value) for value in frames.aminmax())
        if lowest < -_ROUNDING or highest > 1 + _ROUNDING:
            raise ValueError(f"{name}: expected values in [0, 1], got {lowest:.4g} to {highest:.4g}")
    if result.shape != truth.shape:
        raise ValueError(f"expected frames of one size, got result {list(result.shape)} and truth {list(truth.shape)}")


def check_mask(truth: Tensor, mask: Tensor | None) -> Tensor:
    """Return ``mask`` (bool ``[T, 1, H, W]``), or one that holds every pixel of ``truth`` when there is none.

    Raises:
        ValueError: another type or shape.
    """
    expected = (len(truth), 1, *truth.shape[-2:])
    if mask is None:
        return torch.ones(expected, dtype=torch.bool, device=truth.device)
    if mask.dtype != torch.bool or mask.shape != expected:
        raise ValueError(f"mask: expected bool {list(expected)}, got {mask.dtype} {list(mask.shape)}")
    return mask
