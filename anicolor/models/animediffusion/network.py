"""AnimeDiffusion's U-Net (section 4.1, figure 2): residual blocks, attention at the bottom."""

from __future__ import annotations

from dataclasses import dataclass
from math import gcd

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from anicolor.layers.time import sinusoids

__all__ = ["AnimeSettings", "AnimeUNet", "Attention", "ResidualBlock"]

_COLOURS, _LINES = 3, 1
_GROUPS = 32


@dataclass(frozen=True)
class AnimeSettings:
    """Sizes of the network, how it is trained, and how it samples.

    ``base`` channels, times ``multipliers`` at the levels, with ``blocks`` residual blocks at each; attention has
    ``heads``. With ``extracted``, lines are brought to XDoG's style before the network sees them (section 4.2); with
    ``copies``, references in training are distorted copies of the frame (section 4.1). ``steps`` DDIM steps paint, with
    ``eta`` of fresh noise, from noise that the reference is inverted to, or with ``inverted`` off from pure noise. With
    ``timeless`` the inversion tells the network that every time is 0, as the published code does. ``patch`` folds
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


class ResidualBlock(nn.Module):
    """Two norms, SiLUs and convolutions; the time is added in between."""

    def __init__(self, narrow: int, wide: int, time: int) -> None:
        super().__init__()
        self.norm, self.first = _norm(narrow), nn.Conv2d(narrow, wide, 3, padding=1)
        self.time = nn.Linear(time, wide)
        self.norm_2, self.second = _norm(wide), nn.Conv2d(wide, wide, 3, padding=1)
        self.skip = nn.Identity() if narrow == wide else nn.Conv2d(narrow, wide, 1)

    def forward(self, x: Tensor, time: Tensor) -> Tensor:
        """Return features ``[B, wide, h, w]`` of ``x`` ``[B, narrow, h, w]`` at the embedded ``time`` ``[B, E]``."""
        h = self.first(F.silu(self.norm(x))) + self.time(F.silu(time))[:, :, None, None]
        made: Tensor = self.skip(x) + self.second(F.silu(self.norm_2(h)))
        return made


class Attention(nn.Module):
    """Self-attention over all places, without a projection of what comes out (figure 2d)."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm, self.project = _norm(width), nn.Conv2d(width, 3 * width, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Return features of the shape of ``x`` ``[B, C, h, w]``."""
        parts = self.project(self.norm(x)).flatten(2).unflatten(1, (3, self.heads, -1)).transpose(-1, -2)
        found = F.scaled_dot_product_attention(*parts.unbind(1))
        return x + found.transpose(-1, -2).reshape(x.shape)


class AnimeUNet(nn.Module):
    """Predicts the noise in a picture, given its lines and a reference."""

    def __init__(self, settings: AnimeSettings) -> None:
        super().__init__()
        base = settings.base
        time = 4 * base
        widths = [base * multiplier for multiplier in settings.multipliers]
        self.frequencies, self.patch = base, settings.patch
        self.time = nn.Sequential(nn.Linear(base, time), nn.SiLU(), nn.Linear(time, time))
        self.enter = nn.Conv2d((2 * _COLOURS + _LINES) * settings.patch**2, base, 1)
        self.down, kept, width = nn.ModuleList(), [], base
        for level, wide in enumerate(widths):
            blocks = nn.ModuleList()
            for _ in range(settings.blocks):
                blocks.append(ResidualBlock(width, wide, time))
                width = wide
                kept.append(width)
            self.down.append(blocks)
            if level < len(widths) - 1:
                kept.append(width)  # once more, half as large
        self.middle = nn.ModuleList(
            (ResidualBlock(width, width, time), Attention(width, settings.heads), ResidualBlock(width, width, time))
        )
        self.up = nn.ModuleList()
        for level, wide in reversed(list(enumerate(widths))):
            blocks = nn.ModuleList()
            for _ in range(settings.blocks + (level > 0)):
                blocks.append(ResidualBlock(width + kept.pop(), wide, time))
                width = wide
            self.up.append(blocks)
        self.leave = nn.Sequential(_norm(base), nn.SiLU(), nn.Conv2d(base, _COLOURS * settings.patch**2, 1))

    def forward(self, noisy: Tensor, time: Tensor, lines: Tensor, reference: Tensor) -> Tensor:
        """Return the noise ``[B, 3, H, W]`` in ``noisy`` of that shape at the time steps ``[B]``.

        ``lines`` ``[B, 1, H, W]`` and ``reference`` ``[B, 3, H, W]`` are in [-1, 1].
        """
        embedded = self.time(sinusoids(time, self.frequencies))
        h = self.enter(F.pixel_unshuffle(torch.cat((noisy, lines, reference), dim=1), self.patch))
        kept: list[Tensor] = []
        for level, blocks in enumerate(self.down):
            if level:
                h = F.avg_pool2d(h, 2)
                kept.append(h)
            for block in blocks.children():
                h = block(h, embedded)
                kept.append(h)
        first, attention, second = self.middle
        h = second(attention(first(h, embedded)), embedded)
        for level, blocks in enumerate(self.up):
            if level:
                h = F.interpolate(h, scale_factor=2.0)
            for block in blocks.children():
                h = block(torch.cat((h, kept.pop()), dim=1), embedded)
        return F.pixel_shuffle(self.leave(h), self.patch)


def _norm(channels: int) -> nn.GroupNorm:
    groups = gcd(_GROUPS, channels // 2)  # two channels in each at least: of one, a norm would take the time out again
    return nn.GroupNorm(groups, channels)
