"""Optical flow, backward warping and occlusion.

A flow ``[T, 2, H, W]`` holds, for every pixel of the target, the way (dx, dy) in pixels to the same point
in the source: ``target(p) = source(p + flow(p))``. This is the flow that backward warping needs.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from anicolor.pretrained import RAFT, load_pretrained

__all__ = ["DisFlow", "FlowEstimator", "RaftFlow", "joined", "occluded", "pixel_grid", "warp"]

_SMALLEST = 16  # pixels a side: below, OpenCV's search raises or crashes (tried with 5.0)
_RAFT_SMALLEST, _RAFT_MULTIPLE = 128, 8  # of its correlation pyramid, and of its encoder


class FlowEstimator(ABC):
    """Estimates the flow from target to source pictures."""

    @abstractmethod
    def estimate(self, target: Tensor, source: Tensor) -> Tensor:
        """Return the flow ``[T, 2, H, W]`` (pixels) of pictures ``[T, 1 or 3, H, W]``, grey or RGB, in [0, 1]."""


class DisFlow(FlowEstimator):
    """Dense inverse search, OpenCV's: no weights, milliseconds a frame; it sees luminance only.

    Source: Kroeger et al., "Fast Optical Flow using Dense Inverse Search", ECCV 2016.
    """

    def estimate(self, target: Tensor, source: Tensor) -> Tensor:
        """Return the flow ``[T, 2, H, W]`` (pixels) of pictures ``[T, 1 or 3, H, W]``, grey or RGB, in [0, 1]."""
        search = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
        pairs = zip(_grey8(target), _grey8(source), strict=True)
        flows = [np.asarray(search.calc(a, b, None)) for a, b in pairs]
        height, width = target.shape[-2:]
        return torch.from_numpy(np.stack(flows)).permute(0, 3, 1, 2)[..., :height, :width].to(target)


class RaftFlow(FlowEstimator):
    """RAFT (large), torchvision's, with its weights from ``path`` or torch hub's cache.

    Source: Teed and Deng, "RAFT: Recurrent All-Pairs Field Transforms for Optical Flow", ECCV 2020.

    Raises:
        InputError: the weights are in neither place.
        AnicolorError: they are damaged, or of another network.
    """

    def __init__(self, path: Path | None = None, device: torch.device | str = "cpu") -> None:
        from torchvision.models.optical_flow import raft_large

        self._network = load_pretrained(raft_large(), RAFT, path).to(device).eval()
        self._device = torch.device(device)

    @torch.inference_mode()
    def estimate(self, target: Tensor, source: Tensor) -> Tensor:
        """Return the flow ``[T, 2, H, W]`` (pixels) of pictures ``[T, 1 or 3, H, W]``, grey or RGB, in [0, 1]."""
        height, width = target.shape[-2:]
        sides = (0, _beyond(width), 0, _beyond(height))
        rgb = (F.pad(2 * picture.expand(-1, 3, -1, -1) - 1, sides, mode="replicate") for picture in (target, source))
        flow: Tensor = self._network(*(picture.to(self._device) for picture in rgb))[-1]
        return flow[..., :height, :width].to(target)


def warp(source: Tensor, flow: Tensor) -> Tensor:
    """Sample ``source`` ``[T, C, H, W]`` at ``p + flow(p)``: bilinear, neighbours clamped to the border."""
    height, width = source.shape[-2:]
    where = pixel_grid(height, width, flow) + flow
    scale = where.new_tensor([max(width - 1, 1), max(height - 1, 1)]).view(1, 2, 1, 1)
    grid = (2 * where / scale - 1).permute(0, 2, 3, 1)
    return F.grid_sample(source, grid, mode="bilinear", padding_mode="border", align_corners=True)


def joined(onward: Tensor, step: Tensor) -> Tensor:
    """Return the flow ``[T, 2, H, W]`` from a frame to a source, by its neighbour.

    ``step`` is the flow from the frame to its neighbour, ``onward`` from there to the source.
    """
    return step + warp(onward, step)


def occluded(forward: Tensor, backward: Tensor) -> Tensor:
    """Return which pixels ``[T, 1, H, W]`` (bool) of a frame the next one does not show, or shows unreliably.

    ``forward`` is the flow from the frame to the next, ``backward`` from the next to the frame, both
    ``[T, 2, H, W]``. With w = ``backward`` warped by ``forward``: where |w + f|^2 > 0.01 (|w|^2 + |f|^2) + 0.5, and at
    motion borders, where the squared forward differences of f sum to more than 0.01 |f|^2 + 0.002.

    Source: Lai et al., "Learning Blind Video Temporal Consistency", ECCV 2018, after Sundaram et al., ECCV 2010.
    """
    back = warp(backward, forward)
    size = _square(forward)
    inconsistent = _square(back + forward) > 0.01 * (_square(back) + size) + 0.5
    across = F.pad(forward.diff(dim=-1), (0, 1))
    down = F.pad(forward.diff(dim=-2), (0, 0, 0, 1))
    return inconsistent | (_square(across) + _square(down) > 0.01 * size + 0.002)


def pixel_grid(height: int, width: int, like: Tensor) -> Tensor:
    """Return the coordinates (x, y) of all pixels, ``[1, 2, H, W]``, with the type and device of ``like``."""
    y = torch.arange(height, dtype=like.dtype, device=like.device)
    x = torch.arange(width, dtype=like.dtype, device=like.device)
    grid_y, grid_x = torch.meshgrid(y, x, indexing="ij")
    return torch.stack((grid_x, grid_y))[None]


def _square(flow: Tensor) -> Tensor:
    return flow.square().sum(dim=1, keepdim=True)


def _beyond(side: int) -> int:
    return max(_RAFT_SMALLEST, side + -side % _RAFT_MULTIPLE) - side


def _grey8(pictures: Tensor) -> list[np.ndarray]:
    height, width = pictures.shape[-2:]
    large = F.pad(pictures, (0, max(0, _SMALLEST - width), 0, max(0, _SMALLEST - height)), mode="replicate")
    levels = (large * 255).round().clamp(0, 255).byte().permute(0, 2, 3, 1).cpu().numpy()
    if pictures.shape[1] == 1:
        return list(levels[..., 0])
    return [np.asarray(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)) for picture in levels]
