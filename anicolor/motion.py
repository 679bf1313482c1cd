"""Optical flow and backward warping.

A flow ``[T, 2, H, W]`` holds, for every pixel of the target, the way (dx, dy) in pixels to the same point
in the source: ``target(p) = source(p + flow(p))``. This is the flow that backward warping needs.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

__all__ = ["DisFlow", "FlowEstimator", "pixel_grid", "warp"]

_SMALLEST = 16  # pixels a side: below, OpenCV's search raises or crashes (tried with 5.0)


class FlowEstimator(ABC):
    """Estimates the flow from target to source pictures."""

    @abstractmethod
    def estimate(self, target: Tensor, source: Tensor) -> Tensor:
        """Return the flow ``[T, 2, H, W]`` (pixels) of grey pictures ``[T, 1, H, W]`` in [0, 1]."""


class DisFlow(FlowEstimator):
    """Dense inverse search, OpenCV's: no weights, milliseconds a frame.

    Source: Kroeger et al., "Fast Optical Flow using Dense Inverse Search", ECCV 2016.
    """

    def estimate(self, target: Tensor, source: Tensor) -> Tensor:
        """Return the flow ``[T, 2, H, W]`` (pixels) of grey pictures ``[T, 1, H, W]`` in [0, 1]."""
        search = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
        pairs = zip(_grey8(target), _grey8(source), strict=True)
        flows = [np.asarray(search.calc(a, b, None)) for a, b in pairs]
        height, width = target.shape[-2:]
        return torch.from_numpy(np.stack(flows)).permute(0, 3, 1, 2)[..., :height, :width].to(target)


def warp(source: Tensor, flow: Tensor) -> Tensor:
    """Sample ``source`` ``[T, C, H, W]`` at ``p + flow(p)``: bilinear, neighbours clamped to the border."""
    height, width = source.shape[-2:]
    where = pixel_grid(height, width, flow) + flow
    scale = where.new_tensor([max(width - 1, 1), max(height - 1, 1)]).view(1, 2, 1, 1)
    grid = (2 * where / scale - 1).permute(0, 2, 3, 1)
    return F.grid_sample(source, grid, mode="bilinear", padding_mode="border", align_corners=True)


def pixel_grid(height: int, width: int, like: Tensor) -> Tensor:
    """Return the coordinates (x, y) of all pixels, ``[1, 2, H, W]``, with the type and device of ``like``."""
    y = torch.arange(height, dtype=like.dtype, device=like.device)
    x = torch.arange(width, dtype=like.dtype, device=like.device)
    grid_y, grid_x = torch.meshgrid(y, x, indexing="ij")
    return torch.stack((grid_x, grid_y))[None]


def _grey8(pictures: Tensor) -> list[np.ndarray]:
    height, width = pictures.shape[-2:]
    large = F.pad(pictures, (0, max(0, _SMALLEST - width), 0, max(0, _SMALLEST - height)), mode="replicate")
    return list((large[:, 0] * 255).round().clamp(0, 255).byte().cpu().numpy())
