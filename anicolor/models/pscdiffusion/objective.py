"""Both stages: predicting noise (section 3.2), then painting whole pictures, as AnimeDiffusion does (section 5.3)."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from anicolor.data.augment import bend
from anicolor.data.clips import Example
from anicolor.diffusion.ddim import Denoise
from anicolor.layers.perceptual import PerceptualLoss
from anicolor.lines.xdog import XDoG, xdog
from anicolor.models.objective import Batch, Objective, Turn
from anicolor.models.pscdiffusion.colorizer import PscColorizer, bound
from anicolor.models.pscdiffusion.warping import straight_flows, warp_references
from anicolor.models.tracks import example_tracks
from anicolor.models.windows import square

__all__ = ["NoiseObjective", "PictureObjective", "PscObjective", "build_objective", "patch_shuffle"]

_SIDES = (0, 32, 16, 8)  # pixels of the patches that are shuffled, ever finer; 0: none are
_WIDTHS = (0.3, 0.4, 0.5)  # sigma of XDoG; AnimeDiffusion, section 5.1
_MIDDLES, _MOVED = ((0.3, 0.7), (0.3, 0.7)), 0.25  # of the frame: the distortion of copies, AnimeDiffusion's


class PscObjective(Objective[Example]):
    """What both stages share: whole frames in squares, warped references, and shuffled ones for their features."""

    def __init__(self, colorizer: PscColorizer, side: int) -> None:
        self.reference, self.denoiser, self.flow = colorizer.reference, colorizer.denoiser, colorizer.flow
        self.schedule, self.settings, self.side = colorizer.schedule, colorizer.settings, side
        self.networks = {"networks": nn.ModuleDict(colorizer.networks)}

    def prepare(self, example: Example, rng: np.random.Generator) -> dict[str, Tensor]:
        """Return target, references and lines in [-1, 1], and by chance a time step and its noise."""
        settings, lines = self.settings, example.lines[None]
        if settings.copies:
            copies = [bend(torch.cat((example.target, lines[0])), rng, _MIDDLES, _MOVED) for _ in example.references]
            both = torch.stack(copies)
            images, drawn = both[:, :3], both[:, 3:]
            flows = straight_flows(lines, images, drawn, self.flow)
        else:
            images, drawn = example.references, example.reference_lines
            followed = self.flow is None
            flows = example_tracks(example)[:, :, :2] if followed else straight_flows(lines, images, drawn, self.flow)
        warped = warp_references(images, drawn, lines, flows)
        target, warped, *references = square(torch.cat((example.target[None], warped, images)), self.side, paper=False)
        lines = square(lines, self.side, paper=True)
        if settings.extracted:
            lines = xdog(target[None], XDoG(sigma=float(rng.choice(_WIDTHS))))
        patch = int(rng.choice(_SIDES))
        shuffled = [patch_shuffle(reference, patch, rng) if patch else reference for reference in references]
        return {
            "target": 2 * target - 1,
            "warped": 2 * warped - 1,
            "references": 2 * torch.stack(shuffled) - 1,
            "lines": 2 * lines[0] - 1,
            "time": torch.tensor(rng.integers(settings.timesteps)),
            "noise": torch.from_numpy(rng.standard_normal(target.shape, np.float32)),
        }

    def denoise(self, batch: Batch) -> Denoise:
        """Return the denoiser with the conditions of ``batch``; gradients reach the reference U-Net."""
        references = batch["references"]
        features = self.reference(references.flatten(0, 1)).unflatten(0, references.shape[:2])
        return bound(self.denoiser, batch["lines"], batch["warped"], features)


class NoiseObjective(PscObjective):
    """Pre-training: the noise of a random time step (section 3.2)."""

    def turns(self, batch: Batch) -> Iterator[Turn]:
        target, noise, time = batch["target"], batch["noise"], batch["time"]
        noisy = self.schedule.scheduler().add_noise(target, noise, time)
        loss = F.mse_loss(self.denoise(batch)(noisy, time), noise)
        yield Turn("networks", loss, {"noise": loss.item()})


class PictureObjective(PscObjective):
    """Fine-tuning: what ``unroll`` steps make of noise that the warped reference is inverted to.

    The paper names this stage and leaves it out (section 5.3): AnimeDiffusion's equation 14, p = 2. Gradients go
    through all the steps, none through the inversion. Without inversion the steps start from pure noise.
    """

    def __init__(self, colorizer: PscColorizer, side: int, unroll: int) -> None:
        super().__init__(colorizer, side)
        self.unroll = unroll

    def turns(self, batch: Batch) -> Iterator[Turn]:
        denoise, start = self.denoise(batch), batch["noise"]
        if self.settings.inverted:
            with torch.no_grad():
                start = self.schedule.invert(denoise, batch["warped"], self.unroll)
        loss = F.mse_loss(self.schedule.sample(denoise, start, self.unroll), batch["target"])
        yield Turn("networks", loss, {"picture": loss.item()})


def patch_shuffle(picture: Tensor, side: int, rng: np.random.Generator) -> Tensor:
    """Return ``[C, H, W]`` with its patches of ``side x side`` pixels in another order; a rest at the border stays."""
    rows, columns = (size // side for size in picture.shape[-2:])
    order = rng.permutation(rows * columns)
    shuffled = picture.clone()
    for place, taken in enumerate(order):
        (to, beside), (of, next_to) = divmod(place, columns), divmod(int(taken), columns)
        patch = picture[:, of * side : (of + 1) * side, next_to * side : (next_to + 1) * side]
        shuffled[:, to * side : (to + 1) * side, beside * side : (beside + 1) * side] = patch
    return shuffled


def build_objective(
    stage: str,
    colorizer: PscColorizer,
    side: int,
    unroll: int,
    perceptual: PerceptualLoss | None,  # noqa: ARG001
) -> PscObjective:
    """Return the objective of ``stage``: ``noise`` or ``picture``, on whole frames of ``side`` pixels."""
    return NoiseObjective(colorizer, side) if stage == "noise" else PictureObjective(colorizer, side, unroll)
