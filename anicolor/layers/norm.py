"""A norm that knows no neighbours."""

from __future__ import annotations

import torch
from torch import Tensor, nn

__all__ = ["PixelNorm"]


class PixelNorm(nn.Module):
    """Root-mean-square norm over the channels of each pixel: the same for a crop and for a whole frame.

    Source: Karras et al., "Progressive Growing of GANs for Improved Quality, Stability, and Variation" (ICLR 2018),
    section 4.2; with a weight for each channel.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels))

    def forward(self, x: Tensor) -> Tensor:
        """Return ``x`` ``[B, C, H, W]``, normed."""
        scale = torch.rsqrt(x.square().mean(1, keepdim=True) + 1e-6)
        return x * scale * self.weight.view(1, -1, 1, 1)
