"""The U-Net that several papers denoise with: residual blocks that know the time, and something at the bottom.

Source: Cao et al., "AnimeDiffusion", section 4.1; Delaval and Koïta, "Sketch Colorization Using Diffusion Models and
Photo-Sketch Correspondence", sections 3.2 and 3.4.
"""

from __future__ import annotations

from collections.abc import Callable
from math import gcd

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from anicolor.layers.time import sinusoids

__all__ = ["ResidualBlock", "UNet", "group_norm", "groups"]

_GROUPS = 32
_GATED = 2  # blocks of each level of the decoder: those that are joined with a block's features, not a halved picture's

Gate = Callable[[int], nn.Module]
"""Makes what is applied between the two halves of a block of so many channels."""


class ResidualBlock(nn.Module):
    """Two norms, SiLUs and convolutions; in between the ``time`` (its channels; 0: none) is added, then a gate."""

    def __init__(self, narrow: int, wide: int, time: int = 0, gate: Gate | None = None) -> None:
        super().__init__()
        self.norm, self.first = group_norm(narrow), nn.Conv2d(narrow, wide, 3, padding=1)
        self.time = nn.Linear(time, wide) if time else None
        self.gate = gate(wide) if gate else nn.Identity()
        self.norm_2, self.second = group_norm(wide), nn.Conv2d(wide, wide, 3, padding=1)
        self.skip = nn.Identity() if narrow == wide else nn.Conv2d(narrow, wide, 1)

    def forward(self, x: Tensor, time: Tensor | None = None) -> Tensor:
        """Return features ``[B, wide, h, w]`` of ``x`` ``[B, narrow, h, w]`` at the embedded ``time`` ``[B, E]``."""
        h = self.first(F.silu(self.norm(x)))
        if self.time is not None and time is not None:
            h = h + self.time(F.silu(time))[:, :, None, None]
        made: Tensor = self.skip(x) + self.second(F.silu(self.norm_2(self.gate(h))))
        return made


class UNet(nn.Module):
    """Encoder, bottom and decoder: ``base`` channels, times ``multipliers`` at the levels, ``blocks`` at each.

    ``patch x patch`` pixels are folded into channels before the first layer. ``bottom`` lies between two blocks of the
    lowest level's channels. With a ``gate``, two blocks of each level of the decoder have one.
    """

    def __init__(
        self,
        channels: tuple[int, int],
        base: int,
        multipliers: tuple[int, ...],
        blocks: int,
        bottom: Gate,
        patch: int = 1,
        gate: Gate | None = None,
    ) -> None:
        super().__init__()
        shown, made = channels
        time = 4 * base
        widths = [base * multiplier for multiplier in multipliers]
        self.frequencies, self.patch = base, patch
        self.time = nn.Sequential(nn.Linear(base, time), nn.SiLU(), nn.Linear(time, time))
        self.enter = nn.Conv2d(shown * patch**2, base, 1)
        self.down, kept, width = nn.ModuleList(), [], base
        for level, wide in enumerate(widths):
            here = nn.ModuleList()
            for _ in range(blocks):
                here.append(ResidualBlock(width, wide, time))
                width = wide
                kept.append(width)
            self.down.append(here)
            if level < len(widths) - 1:
                kept.append(width)  # once more, half as large
        self.middle = nn.ModuleList(
            (ResidualBlock(width, width, time), bottom(width), ResidualBlock(width, width, time))
        )
        self.up = nn.ModuleList()
        for level, wide in reversed(list(enumerate(widths))):
            here = nn.ModuleList()
            for number in range(blocks + (level > 0)):
                here.append(ResidualBlock(width + kept.pop(), wide, time, gate if number < _GATED else None))
                width = wide
            self.up.append(here)
        self.leave = nn.Sequential(group_norm(base), nn.SiLU(), nn.Conv2d(base, made * patch**2, 1))

    def predict(self, shown: Tensor, time: Tensor | None, *context: Tensor) -> Tensor:
        """Return ``[B, made, H, W]`` for ``shown`` ``[B, C, H, W]`` at the time steps ``[B]`` (None: of no time).

        ``context`` goes to the bottom, after its features.
        """
        embedded = None if time is None else self.time(sinusoids(time, self.frequencies))
        h = self.enter(F.pixel_unshuffle(shown, self.patch))
        kept: list[Tensor] = []
        for level, blocks in enumerate(self.down):
            if level:
                h = F.avg_pool2d(h, 2)
                kept.append(h)
            for block in blocks.children():
                h = block(h, embedded)
                kept.append(h)
        first, bottom, second = self.middle
        h = second(bottom(first(h, embedded), *context), embedded)
        for level, blocks in enumerate(self.up):
            if level:
                h = F.interpolate(h, scale_factor=2.0)
            for block in blocks.children():
                h = block(torch.cat((h, kept.pop()), dim=1), embedded)
        return F.pixel_shuffle(self.leave(h), self.patch)


def group_norm(channels: int) -> nn.GroupNorm:
    """Return a norm of so many channels; with groups of one channel it would take the time out again."""
    return nn.GroupNorm(groups(channels), channels)


def groups(*widths: int) -> int:
    """Return of how many groups a norm of these ``widths`` is: at most 32, with two channels in each at least."""
    return gcd(_GROUPS, *(width // 2 for width in widths))
