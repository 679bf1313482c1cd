"""AnimeDiffusion's two stages: predicting noise, then painting whole pictures (section 4.3)."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from anicolor.data.augment import bend
from anicolor.data.clips import Example
from anicolor.layers.perceptual import PerceptualLoss
from anicolor.lines.xdog import XDoG, xdog
from anicolor.models.animediffusion.colorizer import AnimeColorizer, bound
from anicolor.models.objective import Batch, Objective, Turn
from anicolor.models.windows import square

__all__ = ["AnimeObjective", "NoiseObjective", "PictureObjective", "build_objective"]

_WIDTHS = (0.3, 0.4, 0.5)  # section 5.1: sigma of XDoG
_MIDDLES, _MOVED = ((0.3, 0.7), (0.3, 0.7)), 0.25  # of the frame: as far as the published distortion


class AnimeObjective(Objective[Example]):
    """What both stages share: whole frames in squares, with one reference."""

    def __init__(self, colorizer: AnimeColorizer, side: int) -> None:
        self.network, self.schedule, self.settings = colorizer.network, colorizer.schedule, colorizer.settings
        self.networks = {"network": colorizer.network}
        self.side = side

    def prepare(self, example: Example, rng: np.random.Generator) -> dict[str, Tensor]:
        """Return target, reference and lines in [-1, 1], and by chance a time step and its noise."""
        settings = self.settings
        pictures = square(torch.stack((example.target, example.references[0])), self.side, paper=False)
        target, reference = pictures
        lines = square(example.lines[None], self.side, paper=True)[0]
        if settings.copies:
            reference = bend(target, rng, _MIDDLES, _MOVED)
        if settings.extracted:
            lines = xdog(target[None], XDoG(sigma=float(rng.choice(_WIDTHS))))[0]
        return {
            "target": 2 * target - 1,
            "reference": 2 * reference - 1,
            "lines": 2 * lines - 1,
            "time": torch.tensor(rng.integers(settings.timesteps)),
            "noise": torch.from_numpy(rng.standard_normal(target.shape, np.float32)),
        }


class NoiseObjective(AnimeObjective):
    """Pre-training: the noise of a random time step (equation 7, p = 2)."""

    def turns(self, batch: Batch) -> Iterator[Turn]:
        target, noise, time = batch["target"], batch["noise"], batch["time"]
        noisy = self.schedule.scheduler().add_noise(target, noise, time)
        loss = F.mse_loss(bound(self.network, batch["lines"], batch["reference"])(noisy, time), noise)
        yield Turn("network", loss, {"noise": loss.item()})


class PictureObjective(AnimeObjective):
    """Fine-tuning: what ``unroll`` steps make of noise that the reference is inverted to (equation 14, p = 2).

    Gradients go through all the steps, none through the inversion (algorithm 1). Without inversion the steps start from
    pure noise.
    """

    def __init__(self, colorizer: AnimeColorizer, side: int, unroll: int) -> None:
        super().__init__(colorizer, side)
        self.unroll = unroll

    def turns(self, batch: Batch) -> Iterator[Turn]:
        shown, start = (batch["lines"], batch["reference"]), batch["noise"]
        denoise = bound(self.network, *shown)
        if self.settings.inverted:
            inverse = bound(self.network, *shown, timeless=self.settings.timeless)
            with torch.no_grad():
                start = self.schedule.invert(inverse, batch["reference"], self.unroll)
        loss = F.mse_loss(self.schedule.sample(denoise, start, self.unroll), batch["target"])
        yield Turn("network", loss, {"picture": loss.item()})


def build_objective(
    stage: str,
    colorizer: AnimeColorizer,
    side: int,
    unroll: int,
    perceptual: PerceptualLoss | None,  # noqa: ARG001
) -> AnimeObjective:
    """Return the objective of ``stage``: ``noise`` or ``picture``, on whole frames of ``side`` pixels."""
    return NoiseObjective(colorizer, side) if stage == "noise" else PictureObjective(colorizer, side, unroll)
