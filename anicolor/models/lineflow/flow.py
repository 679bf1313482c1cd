"""Line flow as it is used: drawings are described once, and followed from one to another."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from anicolor.lines.distance import around, proximity
from anicolor.models.lineflow.network import FINEST, Description, LineFlowNetwork, LineFlowSettings
from anicolor.models.weights import load_weights
from anicolor.motion import DisFlow, joined, warp

__all__ = ["NAME", "PRESETS", "SHIPPED", "TINY", "Drawing", "Followed", "LineFlow", "build", "shipped"]

NAME = "lineflow"
PRESETS = {NAME: LineFlowSettings()}
TINY = {NAME: LineFlowSettings(width=8, hidden=8, dilations=(1,), reach=1, levels=2, updates=((2, 1), (1, 1)))}
"""The same form with as few weights as it can have: what tests build."""
SHIPPED = Path(__file__).parent / "lineflow.safetensors"


_REST = 3.0  # pixels: what is further off than this is not for optical flow to mend
_UNLIKE = 0.3  # what descriptions that have nothing in common weigh, to lines that lie nowhere near each other


class Drawing(NamedTuple):
    """Drawings as the network sees them, and their proximity fields ``[T, 1, H, W]``."""

    description: Description
    field: Tensor


class Followed(NamedTuple):
    """``flow`` ``[T, 2, H, W]`` in pixels, and how sure it is, ``certainty`` ``[T, 1, H, W]`` in [0, 1].

    That is how likely the other drawing shows the place within three pixels of where the flow leads.
    """

    flow: Tensor
    certainty: Tensor


class LineFlow:
    """Follows the places of one drawing to another. It has a network."""

    def __init__(self, settings: LineFlowSettings) -> None:
        self.settings = settings
        self.network = LineFlowNetwork(settings).eval()

    @property
    def networks(self) -> dict[str, nn.Module]:
        """The networks by name, as a weights file stores them."""
        return {"network": self.network}

    @property
    def device(self) -> torch.device:
        """Where the network is."""
        return self.network.sharpness.device

    def to(self, device: torch.device | str) -> LineFlow:
        """Move the network to ``device`` and return the line flow."""
        self.network.to(device)
        return self

    @torch.inference_mode()
    def describe(self, lines: Tensor) -> Drawing:
        """Describe drawings ``[T, 1, H, W]``, 0 = ink, of any size."""
        height, width = lines.shape[-2:]
        multiple = self.settings.size_multiple
        sides = (0, -width % multiple, 0, -height % multiple)
        field = proximity(lines)
        structure = torch.cat([F.pad(lines, sides, value=1.0), F.pad(field, sides)], dim=1)
        return Drawing(self.network.describe(structure.to(self.device)), field.to(self.device))

    @torch.inference_mode()
    def follow(self, frame: Drawing, other: Drawing, start: Tensor | None = None) -> Followed:
        """Return the flow from ``frame`` to ``other``, as many drawings of the same size.

        It is sought from ``start`` ``[T, 2, H, W]`` (pixels) on; without, from where optical flow leads. What the
        network finds is off by a pixel or so: optical flow mends that, and no more.
        """
        height, width = frame.field.shape[-2:]
        classical = DisFlow()
        start = classical.estimate(frame.field, other.field) if start is None else start
        low = frame.description.matching
        full = FINEST * low.shape[-2], FINEST * low.shape[-1]
        begin = low.new_zeros(len(low), 2, *full)
        begin[..., :height, :width] = start
        flows, certainty = self.network(frame.description, other.description, begin)
        sure = F.interpolate(certainty.sigmoid(), full, mode="bilinear", align_corners=False)
        flow = flows[-1][..., :height, :width]
        rest = classical.estimate(frame.field, warp(other.field, flow))
        rest = rest * (rest.norm(dim=1, keepdim=True) < _REST)
        return Followed(joined(flow, rest), sure[..., :height, :width])

    @torch.inference_mode()
    def apart(self, frame: Drawing, other: Drawing, flow: Tensor) -> Tensor:
        """Return how little what ``flow`` ``[T, 2, H, W]`` leads to is like each place, ``[T, 1, H, W]``.

        At least 0: in the square around it, how far the other's lines lie from the frame's, and how little descriptions
        have in common.
        """
        height, width = frame.field.shape[-2:]
        own, others = frame.description.matching, other.description.matching
        full = FINEST * own.shape[-2], FINEST * own.shape[-1]
        sides = (0, full[1] - width, 0, full[0] - height)
        alike = (own * warp(others, F.avg_pool2d(F.pad(flow, sides), FINEST) / FINEST)).sum(dim=1, keepdim=True)
        alike = F.interpolate(alike, full, mode="bilinear", align_corners=False)[..., :height, :width]
        return around((frame.field - warp(other.field, flow)).abs() + _UNLIKE * (1 - alike))


@lru_cache
def shipped(device: str = "cpu") -> LineFlow:
    """Return the line flow that anicolor ships, on ``device``; it is read once."""
    return load_weights(SHIPPED, NAME, build).to(device)


def build(name: str, settings: dict[str, object] | None = None) -> LineFlow:
    """Return line flow ``name`` with random weights; ``settings`` of a weights file replace the preset's."""
    if settings is None:
        return LineFlow(PRESETS[name])
    known = {key: _tuples(value) for key, value in settings.items()}
    return LineFlow(LineFlowSettings(**known))  # type: ignore[arg-type]


def _tuples(value: object) -> object:
    return tuple(map(_tuples, value)) if isinstance(value, list) else value
