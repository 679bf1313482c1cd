"""The colour transform network's training: a GAN with five more terms (section 3.4, equations 6 to 11)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from anicolor.data.augment import crop
from anicolor.data.clips import Example
from anicolor.layers.perceptual import PerceptualLoss
from anicolor.lines.distance import ink, proximity
from anicolor.models.deepcolorization.colorizer import DeepColorizer, bring
from anicolor.models.deepcolorization.network import Brought, ColourTransform, Discriminator
from anicolor.models.objective import Batch, Objective, Turn
from anicolor.models.tracks import example_tracks
from anicolor.models.windows import square

__all__ = ["ColourObjective", "ColourWeights", "build_objective"]


@dataclass(frozen=True)
class ColourWeights:
    """Weights of equation 11."""

    perceptual: float = 1.0
    style: float = 1000.0
    latent: float = 1.0
    adversarial: float = 1.0
    l1: float = 10.0


class ColourObjective(Objective[Example]):
    """The discriminator's turn, then the generator's. Without VGG19 the perceptual and the style term are off."""

    def __init__(
        self,
        network: ColourTransform,
        side: int,
        weights: ColourWeights | None = None,
        perceptual: PerceptualLoss | None = None,
    ) -> None:
        self.network, self.side = network, side
        self.weights, self.perceptual = weights or ColourWeights(), perceptual
        self.lacks_vgg = perceptual is None
        self.discriminator = Discriminator(network.width)
        self.networks = {"discriminator": self.discriminator, "network": network}
        self.betas, self.rates = (0.5, 0.999), {"discriminator": 0.1}

    def prepare(self, example: Example, rng: np.random.Generator) -> dict[str, Tensor]:
        """Return the target and its references; colours in [-1, 1].

        Whole, in a square of ``side`` pixels; for a ``tracked`` network a part of that size, without ink, and what
        tracks bring to it.
        """
        if self.network.tracked:
            return self._followed(example, rng)
        colours = square(torch.cat((example.target[None], example.references)), self.side, paper=False)
        lines = square(torch.cat((example.lines[None], example.reference_lines)), self.side, paper=True)
        return _row(2 * colours - 1, lines, proximity(lines))

    def _followed(self, example: Example, rng: np.random.Generator) -> dict[str, Tensor]:
        example = example.at_least(self.side)
        colours = 2 * torch.cat((example.paint[None], example.reference_paint)) - 1
        lines = torch.cat((example.lines[None], example.reference_lines))
        fields = proximity(lines)
        brought = bring(colours[1:], fields[1:], example_tracks(example))
        whole = _row(colours, lines, fields) | {f"brought_{name}": part[0] for name, part in brought._asdict().items()}
        rows, columns = crop(ink(lines[:1])[0, 0].numpy(), self.side, rng)
        return {name: part[..., rows, columns].clone() for name, part in whole.items()}

    def turns(self, batch: Batch) -> Iterator[Turn]:
        target, lines = batch["target"], batch["lines"]
        memory = self.network.remember(batch["reference_lines"], batch["reference_fields"], batch["references"])
        brought = Brought(*(batch[f"brought_{name}"] for name in Brought._fields)) if self.network.tracked else None
        made = self.network(lines, batch["fields"], memory, brought)
        picture = made.picture
        real = self.discriminator(torch.cat((lines, target), dim=1))
        fake = self.discriminator(torch.cat((lines, picture.detach()), dim=1))
        loss = F.softplus(-real).mean() + F.softplus(fake).mean()  # - log D(x, y) - log(1 - D(x, G))
        yield Turn("discriminator", loss, {"discriminator": loss.item()})

        judged = self.discriminator(torch.cat((lines, picture), dim=1))
        small = F.interpolate(target, made.middle.shape[-2:], mode="area")
        losses = {
            "l1": F.l1_loss(picture, target),
            "latent": F.l1_loss(made.similar, small) + F.l1_loss(made.middle, small),
            "adversarial": F.softplus(-judged).mean(),
        }
        if self.perceptual is not None:
            pictures = (picture + 1) / 2, (target + 1) / 2
            losses["perceptual"], losses["style"] = self.perceptual.with_style(*pictures)
        loss = torch.stack([getattr(self.weights, name) * value for name, value in losses.items()]).sum()
        yield Turn("network", loss, {name: value.item() for name, value in losses.items()})


def _row(colours: Tensor, lines: Tensor, fields: Tensor) -> dict[str, Tensor]:
    """Return the parts of an example, from those of its target and its references ``[1 + K, C, H, W]``."""
    return {
        "target": colours[0],
        "references": colours[1:],
        "lines": lines[0],
        "fields": fields[0],
        "reference_lines": lines[1:],
        "reference_fields": fields[1:],
    }


def build_objective(
    stage: str,  # noqa: ARG001
    colorizer: DeepColorizer,
    side: int,
    unroll: int,  # noqa: ARG001
    perceptual: PerceptualLoss | None,
) -> ColourObjective:
    """Return the objective of ``stage``: both are the same."""
    return ColourObjective(colorizer.network, side, perceptual=perceptual)
