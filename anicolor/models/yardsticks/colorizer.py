"""The yardsticks as colorizers: the nearest keyframe's paint copied, warped, or voted on region by region."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from anicolor.diffusion.noise import FrameNoise
from anicolor.lines.distance import FAINT, ink, proximity, without_ink
from anicolor.models.colorizer import Colorizer, Colours, Reference, Request, Traits
from anicolor.motion import DisFlow, warp

__all__ = ["PRESETS", "TINY", "YardstickColorizer", "YardstickSettings", "build"]


@dataclass(frozen=True)
class YardstickSettings:
    """What is done with the paint: ``warped`` to the frame by optical flow, one colour for each of its ``regions``."""

    warped: bool = False
    regions: bool = False


PRESETS = {
    "copy": YardstickSettings(),
    "flow": YardstickSettings(warped=True),
    "region": YardstickSettings(warped=True, regions=True),
}

TINY = PRESETS
"""Nothing in them has a size."""


class YardstickColorizer(Colorizer):
    """Paints every frame from the keyframe nearest to it; there is no network."""

    settings: YardstickSettings
    traits = Traits(window=1, keyframes=1, anchors="any", stochastic=False)

    def __init__(self, settings: YardstickSettings) -> None:
        self.settings = settings
        self._flow = DisFlow()

    @property
    def networks(self) -> dict[str, nn.Module]:
        return {}

    def colorize(self, request: Request, noise: FrameNoise, steps: int | None = None) -> Colours:  # noqa: ARG002
        return Colours(torch.cat([self._painted(lines, request.references[0]) for lines in request.lines[:, None]]))

    def _painted(self, lines: Tensor, keyframe: Reference) -> Tensor:
        """Return the colours ``[1, 3, H, W]`` of the frame with ``lines`` ``[1, 1, H, W]``."""
        drawing = keyframe.lines[None]
        paint = without_ink(keyframe.image[None], drawing)
        if self.settings.warped:
            flow = self._flow.estimate(proximity(lines), proximity(drawing))
            # Whole pixels for the vote: between two of them lies a colour that nobody painted.
            paint = warp(paint, flow.round() if self.settings.regions else flow)
        if self.settings.regions:
            paint = _voted(paint, lines)
        return (paint * lines).clamp(0, 1)


def build(name: str, settings: dict[str, bool] | None = None) -> YardstickColorizer:
    """Return colorizer ``name``; ``settings`` replace the preset's."""
    return YardstickColorizer(PRESETS[name] if settings is None else YardstickSettings(**settings))


def _voted(paint: Tensor, lines: Tensor) -> Tensor:
    """Return the most frequent colour (of 8 bit) in ``paint`` ``[1, 3, H, W]`` of each region that ``lines`` bound.

    Of two that are equally frequent, the lighter in red, then green, then blue. Ink takes the nearest region's colour.
    """
    paper: npt.NDArray[np.bool_] = ~ink(lines, FAINT)[0, 0].cpu().numpy()
    count, regions = cv2.connectedComponents(paper.astype(np.uint8), connectivity=4)
    red, green, blue = (paint[0] * 255).round().to(torch.int64).cpu().numpy()
    ballots = regions.astype(np.int64) << 24 | red << 16 | green << 8 | blue
    kinds, votes = np.unique(ballots, return_counts=True)
    kinds = kinds[np.argsort(votes, kind="stable")]
    winners = np.zeros(count, np.int64)
    winners[kinds >> 24] = kinds  # of several for one region the last stays
    won = winners[regions]
    levels = np.stack((won >> 16 & 255, won >> 8 & 255, won & 255))
    return without_ink(torch.from_numpy(levels)[None].to(paint) / 255, lines)
