"""References, warped to the frame that is painted (section 2.2)."""

from __future__ import annotations

import torch
from torch import Tensor

from anicolor.lines.distance import apart, proximity
from anicolor.models.lineflow.flow import shipped
from anicolor.models.tracks import straight_tracks
from anicolor.motion import FlowEstimator, warp

__all__ = ["straight_flows", "warp_references"]


def straight_flows(lines: Tensor, images: Tensor, drawn: Tensor, network: FlowEstimator | None = None) -> Tensor:
    """Return the flows ``[T, K, 2, H, W]`` in pixels from line art ``[T, 1, H, W]`` to K references.

    By the correspondence ``network`` from the lines to the references' colours ``[K, 3, H, W]``; without it by line
    flow to their lines ``drawn`` ``[K, 1, H, W]``.
    """
    if network is not None:
        return torch.stack([network.estimate(lines, image.expand(len(lines), -1, -1, -1)) for image in images], dim=1)
    return straight_tracks(lines, drawn, shipped(str(lines.device)))[:, :, :2]


def warp_references(images: Tensor, drawn: Tensor, lines: Tensor, flows: Tensor) -> Tensor:
    """Return the colours ``[T, 3, H, W]`` that K references ``[K, 3, H, W]`` show, once they are warped to the frames.

    Each place takes those of the reference whose lines ``drawn`` ``[K, 1, H, W]``, warped by the same ``flows``
    ``[T, K, 2, H, W]``, lie closest to ``lines`` ``[T, 1, H, W]`` around it.
    """
    pictures = torch.cat((images, proximity(drawn)), dim=1)
    warped = torch.stack(
        [
            warp(picture.expand(len(lines), -1, -1, -1), flow)
            for picture, flow in zip(pictures, flows.unbind(1), strict=True)
        ],
        dim=1,
    )
    chosen = apart(warped[:, :, 3], proximity(lines)).argmin(dim=1, keepdim=True)  # [T, 1, H, W]
    return warped[:, :, :3].gather(1, chosen[:, :, None].expand(-1, -1, 3, -1, -1))[:, 0]
