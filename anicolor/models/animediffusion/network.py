"""AnimeDiffusion's U-Net (section 4.1, figure 2): residual blocks, attention at the bottom."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from anicolor.layers.unet import UNet, group_norm

__all__ = ["AnimeSettings", "AnimeUNet", "Attention"]

_COLOURS, _LINES = 3, 1


@dataclass(frozen=True)
class AnimeSettings:
    """Sizes of the network, how it is trained, and how it samples.

    ``base`` channels, times ``multipliers`` at the levels, with ``blocks`` residual blocks at each; attention has
    ``heads``. With ``extracted``, lines are brought to XDoG's style before the network sees them (section 4.2); with
    ``copies``, references in training are distorted copies of the frame (section 4.1). ``steps`` DDIM steps paint, with
    ``eta`` of fresh noise, from noise that the reference is inverted to, or with ``inverted`` off from pure noise. With
    ``timeless`` the inversion tells the network of no time, as the published code does. ``patch`` folds
    ``patch x patch`` pixels into channels before the first layer.
    """

    base: int = 64
    multipliers: tuple[int, ...] = (1, 2, 4, 8)
    blocks: int = 2
    heads: int = 4
    timesteps: int = 1000
    betas: tuple[float, float] = (1e-6, 1e-2)
    steps: int = 10
    eta: float = 0.0
    inverted: bool = True
    timeless: bool = False
    extracted: bool = True
    copies: bool = True
    patch: int = 1

    @property
    def size_multiple(self) -> int:
        """What height and width must be divisible by."""
        return int(self.patch * 2 ** (len(self.multipliers) - 1))


class Attention(nn.Module):
    """Self-attention over all places, without a projection of what comes out (figure 2d)."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm, self.project = group_norm(width), nn.Conv2d(width, 3 * width, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Return features of the shape of ``x`` ``[B, C, h, w]``."""
        parts = self.project(self.norm(x)).flatten(2).unflatten(1, (3, self.heads, -1)).transpose(-1, -2)
        found = F.scaled_dot_product_attention(*parts.contiguous().unbind(1))
        return x + found.transpose(-1, -2).reshape(x.shape)


class AnimeUNet(UNet):
    """Predicts the noise in a picture, given its lines and a reference."""

    def __init__(self, settings: AnimeSettings) -> None:
        super().__init__(
            (2 * _COLOURS + _LINES, _COLOURS),
            settings.base,
            settings.multipliers,
            settings.blocks,
            lambda width: Attention(width, settings.heads),
            settings.patch,
        )

    def forward(self, noisy: Tensor, time: Tensor | None, lines: Tensor, reference: Tensor) -> Tensor:
        """Return the noise ``[B, 3, H, W]`` in ``noisy`` of that shape at the time steps ``[B]`` (None: of no time).

        ``lines`` ``[B, 1, H, W]`` and ``reference`` ``[B, 3, H, W]`` are in [-1, 1].
        """
        return self.predict(torch.cat((noisy, lines, reference), dim=1), time)
