"""The network: descriptions of two drawings to the flow between them, by updates from coarse to fine.

Flows count pixels of a description, which is a quarter of the drawing's size; only what goes in and comes out is in
pixels of the drawing.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from anicolor.layers.norm import PixelNorm
from anicolor.motion import warp

__all__ = ["FINEST", "Description", "Found", "LineFlowNetwork", "LineFlowSettings"]

FINEST = 4  # pixels of a drawing to one of its description
_SPEED = 8.0  # pixels: what a flow is told to the network in


@dataclass(frozen=True)
class LineFlowSettings:
    """Sizes of the network.

    ``width`` is the channels of a description, ``hidden`` those of the state that is updated, ``dilations`` those of
    the blocks that describe; ``reach`` is how far costs look to each side, on ``levels`` pyramid levels; ``updates``
    says how many there are at each scale, coarse to fine.
    """

    width: int = 64
    hidden: int = 64
    dilations: tuple[int, ...] = (1, 2, 4, 8, 1)
    reach: int = 3
    levels: int = 3
    updates: tuple[tuple[int, int], ...] = ((4, 2), (2, 3), (1, 2))

    @property
    def size_multiple(self) -> int:
        """Height and width must be multiples of this."""
        return int(FINEST * max(scale for scale, _ in self.updates) * 2 ** (self.levels - 1))


class Description(NamedTuple):
    """What is known of a drawing alone, ``[B, C, H / 4, W / 4]`` each."""

    matching: Tensor
    """Of length 1 at each place: alike where two drawings show the same."""
    state: Tensor
    context: Tensor


class Found(NamedTuple):
    """The flows after each update, ``[B, 2, H, W]`` in pixels where they are fine, else ``[B, 2, H / 4, W / 4]``.

    ``certainty`` ``[B, 1, H / 4, W / 4]`` is the logit of the last one being right.
    """

    flows: tuple[Tensor, ...]
    certainty: Tensor


class LineFlowNetwork(nn.Module):
    """``describe`` once a drawing, then ``forward`` once a pair."""

    def __init__(self, settings: LineFlowSettings) -> None:
        super().__init__()
        self.settings = settings
        width, hidden = settings.width, settings.hidden
        self.enter = nn.Sequential(
            nn.PixelUnshuffle(2),
            nn.Conv2d(2 * 4, width // 2, 3, padding=1),
            nn.SiLU(),
            nn.Conv2d(width // 2, width, 3, stride=2, padding=1),
        )
        self.body = nn.Sequential(*(_Dilated(width, d) for d in settings.dilations), PixelNorm(width), nn.SiLU())
        self.match = nn.Conv2d(width, width, 1)
        self.context = nn.Conv2d(width, 2 * hidden, 1)
        self.costs = nn.Sequential(
            nn.Conv2d((2 * settings.reach + 1) ** 2 * settings.levels, hidden, 1),
            nn.SiLU(),
            nn.Conv2d(hidden, 48, 3, padding=1),
            nn.SiLU(),
        )
        self.motion = nn.Conv2d(3, 16, 3, padding=1)
        inside = hidden + 48 + 16 + hidden
        self.gates = nn.Conv2d(inside, 2 * hidden, 3, padding=1)
        self.candidate = nn.Conv2d(inside, hidden, 3, padding=1)
        still = nn.Conv2d(hidden, 2, 3, padding=1)
        self.step = nn.Sequential(nn.Conv2d(hidden, hidden, 3, padding=1), nn.SiLU(), still)
        self.mask = nn.Sequential(
            nn.Conv2d(hidden, hidden, 3, padding=1), nn.SiLU(), nn.Conv2d(hidden, 9 * FINEST**2, 1)
        )
        self.certainty = nn.Conv2d(hidden, 1, 3, padding=1)
        self.sharpness = nn.Parameter(torch.tensor(10.0))
        """What similarities are multiplied with in the contrast that they are trained by."""
        with torch.no_grad():  # a new network makes no steps yet
            for parameter in still.parameters():
                parameter.zero_()

    def describe(self, structure: Tensor) -> Description:
        """Describe drawings by their lines and proximity ``[B, 2, H, W]``."""
        features = self.body(self.enter(structure))
        state, context = self.context(features).chunk(2, dim=1)
        return Description(F.normalize(self.match(features), dim=1), state, context)

    def forward(self, frame: Description, other: Description, start: Tensor) -> Found:
        """Return the flow from ``frame`` to ``other``, sought from ``start`` ``[B, 2, H, W]`` (pixels) on."""
        size = frame.matching.shape[-2:]
        flow = F.avg_pool2d(start, FINEST) / FINEST
        state: Tensor | None = None
        flows = []
        for scale, updates in self.settings.updates:
            own = torch.tanh(_pooled(frame.state, scale))
            state = own if state is None else own + _raised(state, own.shape[-2:])
            context = F.silu(_pooled(frame.context, scale))
            levels = [scale * 2**level for level in range(self.settings.levels)]
            pyramid = [(_pooled(frame.matching, k), _pooled(other.matching, k), k) for k in levels]
            for _ in range(updates):
                flow = flow.detach()
                seen = torch.cat([self.costs(self._costs(pyramid, flow)), self._told(flow, scale), context], dim=1)
                state = self._updated(state, seen)
                flow = flow + scale * _raised(self.step(state), size)
                flows.append(flow if scale > 1 else self._fine(flow, state))
        assert state is not None, "there is at least one scale"
        return Found(tuple(flows), self.certainty(state))

    def _costs(self, pyramid: list[tuple[Tensor, Tensor, int]], flow: Tensor) -> Tensor:
        """Return how alike places are to those around where ``flow`` leads, at the size of the finest level."""
        size = pyramid[0][0].shape[-2:]
        found = []
        for own, others, scale in pyramid:
            there = warp(others, _pooled(flow, scale) / scale)
            alike = torch.stack([(own * shifted).sum(dim=1) for shifted in _around(there, self.settings.reach)], dim=1)
            found.append(_raised(4 * alike, size))
        return torch.cat(found, dim=1)

    def _told(self, flow: Tensor, scale: int) -> Tensor:
        speed = _pooled(flow, scale) / (scale * _SPEED)
        told: Tensor = self.motion(torch.cat([speed, torch.full_like(speed[:, :1], 1 / scale)], dim=1))
        return told

    def _updated(self, state: Tensor, seen: Tensor) -> Tensor:
        update, reset = torch.sigmoid(self.gates(torch.cat([state, seen], dim=1))).chunk(2, dim=1)
        candidate = torch.tanh(self.candidate(torch.cat([reset * state, seen], dim=1)))
        return (1 - update) * state + update * candidate

    def _fine(self, flow: Tensor, state: Tensor) -> Tensor:
        """Return ``flow`` in pixels of the drawing: each a mean of nine around, weighed by the state (RAFT, 3.3)."""
        batch, _, height, width = flow.shape
        weights = (self.mask(state) / 4).view(batch, 1, 9, FINEST, FINEST, height, width).softmax(dim=2)
        around = F.unfold(F.pad(FINEST * flow, (1, 1, 1, 1), mode="replicate"), 3)
        mixed: Tensor = (weights * around.view(batch, 2, 9, 1, 1, height, width)).sum(dim=2)
        return mixed.permute(0, 1, 4, 2, 5, 3).reshape(batch, 2, FINEST * height, FINEST * width)


class _Dilated(nn.Module):
    """A residual block that looks further the larger its dilation is."""

    def __init__(self, width: int, dilation: int) -> None:
        super().__init__()
        self.norm = PixelNorm(width)
        self.wide = nn.Conv2d(width, width, 3, padding=dilation, dilation=dilation)
        self.near = nn.Conv2d(width, width, 3, padding=1)
        with torch.no_grad():
            self.near.weight.mul_(0.3)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = x + self.near(F.silu(self.wide(F.silu(self.norm(x)))))
        return out


def _around(picture: Tensor, reach: int) -> Iterator[Tensor]:
    """Yield ``picture`` shifted by up to ``reach`` both ways, row by row; beyond its border there is nothing."""
    height, width = picture.shape[-2:]
    wide = F.pad(picture, (reach,) * 4)
    for top in range(2 * reach + 1):
        for left in range(2 * reach + 1):
            yield wide[..., top : top + height, left : left + width]


def _pooled(picture: Tensor, scale: int) -> Tensor:
    return F.avg_pool2d(picture, scale) if scale > 1 else picture


def _raised(picture: Tensor, size: torch.Size) -> Tensor:
    if picture.shape[-2:] == size:
        return picture
    return F.interpolate(picture, size, mode="bilinear", align_corners=False)
