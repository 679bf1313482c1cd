"""Which colour is right: that of the picture that was made, or one that a keyframe is followed to (ours).

Decision: docs/decisions/0017-choice.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from anicolor.layers.mixture import Mixture
from anicolor.layers.norm import PixelNorm
from anicolor.lines.distance import around
from anicolor.models.opdm.conditions import Conditions
from anicolor.motion import pixel_grid, warp

__all__ = ["SOURCE", "Choice", "followed", "own_source", "rivals", "shares"]

SOURCE = 12
"""Channels of a source: its colours in [-1, 1]; its lines, their proximity, how little both are like the frame's; how
far off its rival is, the way to it, how far its keyframe is in time; whether it is tracked; whether it is the picture
that was made."""
_FAR = 32.0  # pixels: what ways are told to the network in, and where rivals are far off
_CELL = 4  # pixels of a keyframe a side: places that lead to the same ones are rivals
_OWN_FIRST = 3.0  # of the logits: a network that has not learned leaves the picture as it was made
_FOLD = 2


class Choice(nn.Module):
    """Looks at each source, and at all of them on average, from near and from afar; says how likely each is right.

    It takes any number of sources, in any order. ``widths`` are the channels of its levels, each half the size of the
    one before, the first half that of the picture.
    """

    def __init__(self, widths: Sequence[int]) -> None:
        super().__init__()
        first = widths[0]
        self.enter = nn.Conv2d((SOURCE + 1 + 2) * _FOLD**2, first, 3, padding=1)
        self.down = nn.ModuleList(
            nn.Sequential(_Compared(fine, coarse, 2), _Compared(coarse, coarse)) for fine, coarse in pairwise(widths)
        )
        self.up = nn.ModuleList(_Compared(fine + coarse, fine) for fine, coarse in reversed([*pairwise(widths)]))
        self.leave = _Compared(first, first)
        self.say = nn.Conv2d(first, _FOLD**2, 1)
        for parameter in self.say.parameters():
            nn.init.zeros_(parameter)

    def forward(self, sources: Tensor, structure: Tensor) -> Mixture:
        """Return the mixture of the colours of ``sources`` ``[B, M, SOURCE, H, W]``.

        ``structure`` ``[B, 2, H, W]`` are the frame's lines and their proximity. H and W are multiples of 2 for each of
        the network's levels. It is small, and always calculates in whole precision: CPUs are slow at such in half.
        """
        with torch.autocast(sources.device.type, enabled=False):
            return self._chosen(sources.float(), structure.float())

    def _chosen(self, sources: Tensor, structure: Tensor) -> Mixture:
        count = sources.shape[:2]
        colours = sources[:, :, :3]
        others = torch.stack([(colours - one[:, None]).abs().mean(dim=2) for one in colours.unbind(1)]).mean(dim=0)
        told = torch.cat((sources, others[:, :, None], structure[:, None].expand(-1, count[1], -1, -1, -1)), dim=2)
        x = _parted(self.enter(F.pixel_unshuffle(told.flatten(0, 1), _FOLD)), count[0])
        skips = []
        for level in self.down:
            skips.append(x)
            x = level(x)
        for block in self.up:
            skip = skips.pop()
            x = block(torch.cat((_raised(x, skip), skip), dim=2))
        says = _parted(F.pixel_shuffle(self.say(self.leave(x).flatten(0, 1)), _FOLD), count[0])[:, :, 0]
        return Mixture(colours, (says + _OWN_FIRST * sources[:, :, -1]).softmax(dim=1))


class _Compared(nn.Module):
    """A convolution of each source, to which is added what a smaller one makes of all of them on average."""

    def __init__(self, inside: int, outside: int, stride: int = 1) -> None:
        super().__init__()
        self.each = nn.Conv2d(inside, outside, 3, stride=stride, padding=1)
        self.average = nn.Conv2d(inside, outside, 1, stride=stride, bias=False)
        self.norm = PixelNorm(outside)

    def forward(self, x: Tensor) -> Tensor:
        """Return features of sources ``[B, M, C, h, w]``."""
        out = _parted(self.each(x.flatten(0, 1)), len(x)) + self.average(x.mean(dim=1))[:, None]
        return _parted(F.silu(self.norm(out.flatten(0, 1))), len(x))


def followed(conditions: Conditions, tracks: Tensor | None, shares: Tensor) -> Tensor:
    """Return the sources ``[T, M, SOURCE, H, W]`` that K keyframes are followed to: straight, and along ``tracks``.

    ``conditions`` are of whole frames, ``tracks`` ``[T, K, 3, H, W]`` as ``passage_tracks`` makes them; ``shares``
    ``[T, K]`` say how far each keyframe is in time, of all of them together.
    """
    field = conditions.proximity[:, None]
    unlike = around((field - conditions.aligned[:, :, 4:]).abs().flatten(0, 1)).view_as(conditions.aligned[:, :, 4:])
    found = [_source(conditions.aligned, conditions.flows, unlike, shares, tracked=False)]
    if tracks is not None:
        pictures = torch.cat((conditions.references, conditions.reference_structure), dim=2)
        ways, unlike = tracks[:, :, :2], tracks[:, :, 2:]
        seen = warp(pictures.flatten(0, 1), ways.flatten(0, 1)).view_as(pictures)
        found.append(_source(seen, ways, unlike, shares, tracked=True))
    return torch.cat(found, dim=1)


def shares(frames: Sequence[int], places: Sequence[int]) -> Tensor:
    """Return how far each of K keyframes is from each of T frames, of all of them together, ``[T, K]``."""
    far = torch.tensor([[float(abs(frame - place)) for place in places] for frame in frames])
    return far / far.sum(dim=1, keepdim=True).clamp(min=1)


def own_source(conditions: Conditions, colours: Tensor, share: Tensor) -> Tensor:
    """Return the source ``[T, 1, SOURCE, H, W]`` that the picture is which was made of ``conditions``.

    Its ``colours`` ``[T, 3, H, W]`` are in [-1, 1]; ``share`` ``[T, 1, H, W]`` is of the votes for them.
    """
    nothing = share.new_zeros(len(share), 5, *share.shape[-2:])
    parts = colours, conditions.lines, conditions.proximity, 1 - share, nothing, torch.ones_like(share)
    return torch.cat(parts, dim=1)[:, None]


def rivals(ways: Tensor, unlike: Tensor) -> Tensor:
    """Return how far off, in pixels, each place's rival is, ``[N, 1, H, W]``, for ``ways`` ``[N, 2, H, W]`` in pixels.

    That is the place which leads to the same square of the other picture, and is least ``unlike`` ``[N, 1, H, W]`` what
    is there. Two places far from each other cannot both be shown there: one of them is hidden.
    """
    height, width = ways.shape[-2:]
    across, down = (width - 1) // _CELL + 1, (height - 1) // _CELL + 1
    grid = pixel_grid(height, width, ways)
    there = ((grid + ways) / _CELL).round().long()
    cells = (there[:, 1].clamp(0, down - 1) * across + there[:, 0].clamp(0, across - 1)).flatten(1)
    order = unlike.flatten(1).argsort(dim=1, stable=True)
    rank = order.argsort(dim=1)
    first = torch.full((len(order), across * down), height * width, device=order.device)
    first = first.scatter_reduce(1, cells, rank, "amin")
    rival = order.gather(1, first.gather(1, cells)).view(-1, height, width)
    offset = torch.stack((rival % width, rival // width), dim=1) - grid
    far: Tensor = torch.linalg.vector_norm(offset, dim=1, keepdim=True)
    return far


def _source(seen: Tensor, ways: Tensor, unlike: Tensor, shares: Tensor, *, tracked: bool) -> Tensor:
    """Return sources of ``seen`` ``[T, K, 5, H, W]``: colours, lines and proximity of keyframes, warped."""
    off = rivals(ways.flatten(0, 1), unlike.flatten(0, 1)).view_as(unlike)
    far = shares[..., None, None, None].expand_as(unlike)
    flags = torch.full_like(unlike, float(tracked)), torch.zeros_like(unlike)
    return torch.cat((seen, unlike, (off / _FAR).clamp(max=1), (ways / _FAR).clamp(-3, 3), far, *flags), dim=2)


def _raised(coarse: Tensor, fine: Tensor) -> Tensor:
    return _parted(F.interpolate(coarse.flatten(0, 1), fine.shape[-2:]), len(fine))


def _parted(pictures: Tensor, frames: int) -> Tensor:
    """Return pictures ``[B M, C, h, w]`` of so many ``frames`` as ``[B, M, C, h, w]``."""
    return pictures.view(frames, -1, *pictures.shape[1:])
