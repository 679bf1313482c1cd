"""The temporal constraint network's training: a GAN over sequences, the colorizer fixed (sections 3.2, 3.4 and 3.5)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from anicolor.data.clips import Stretch
from anicolor.diffusion.noise import FrameNoise
from anicolor.layers.perceptual import PerceptualLoss
from anicolor.models.colorizer import Colorizer, Reference, Request
from anicolor.models.objective import Batch, Objective, Turn
from anicolor.models.tracks import passage_tracks
from anicolor.models.windows import square
from anicolor.temporal.network import PatchDiscriminator
from anicolor.temporal.refiner import Refiner

__all__ = ["RefineObjective", "RefineWeights", "painted", "prepared"]


@dataclass(frozen=True)
class RefineWeights:
    """Weights of equation 11; there are no latent decoders here."""

    perceptual: float = 1.0
    style: float = 1000.0
    adversarial: float = 1.0
    l1: float = 10.0


class RefineObjective(Objective[Stretch]):
    """The discriminator's turn, then the generator's, on what ``colorizer`` makes of frames in a row.

    Losses are means over all pictures of the sequence, references included. Without VGG19 the perceptual and the style
    term are off.
    """

    def __init__(
        self,
        refiner: Refiner,
        colorizer: Colorizer,
        side: int,
        weights: RefineWeights | None = None,
        perceptual: PerceptualLoss | None = None,
    ) -> None:
        self.network, self.colorizer, self.side = refiner.network, colorizer, side
        self.weights, self.perceptual = weights or RefineWeights(), perceptual
        self.discriminator = PatchDiscriminator(refiner.settings.widths[0])
        self.networks = {"discriminator": self.discriminator, "network": refiner.network}
        self.betas, self.rates = (0.5, 0.999), {"discriminator": 0.1}

    def prepare(self, example: Stretch, rng: np.random.Generator) -> dict[str, Tensor]:
        """Return what :func:`prepared` makes of a stretch, with the seed of its noise."""
        row = prepared(example, self.side, tracked=self.colorizer.traits.tracked)
        return row | {"seed": torch.tensor(int(rng.integers(2**31)))}

    def turns(self, batch: Batch) -> Iterator[Turn]:
        targets, references = batch["targets"], batch["references"]
        rows = [{name: value[number] for name, value in batch.items()} for number in range(len(targets))]
        made_of = [painted(self.colorizer, row, int(row["seed"])) for row in rows]
        shown = torch.stack([2 * colours - 1 for colours, _ in made_of])
        sure = torch.stack([confidence for _, confidence in made_of])
        first, last = references[:, :1], references[:, -1:]
        lines = torch.cat((batch["reference_lines"][:, :1], batch["lines"], batch["reference_lines"][:, -1:]), dim=1)
        known = torch.ones_like(sure[:, :1])
        truth = torch.cat((first, targets, last), dim=1)
        made = self.network(torch.cat((first, shown, last), dim=1), lines, torch.cat((known, sure, known), dim=1))
        real, fake = self.discriminator(lines, truth), self.discriminator(lines, made.detach())
        loss = F.softplus(-real).mean() + F.softplus(fake).mean()
        yield Turn("discriminator", loss, {"discriminator": loss.item()})

        losses = {"l1": F.l1_loss(made, truth), "adversarial": F.softplus(-self.discriminator(lines, made)).mean()}
        if self.perceptual is not None:
            pictures = ((part.flatten(0, 1) + 1) / 2 for part in (made, truth))
            losses["perceptual"], losses["style"] = self.perceptual.with_style(*pictures)
        loss = torch.stack([getattr(self.weights, name) * value for name, value in losses.items()]).sum()
        yield Turn("network", loss, {name: value.item() for name, value in losses.items()})


def prepared(stretch: Stretch, side: int, *, tracked: bool) -> dict[str, Tensor]:
    """Return frames and references, whole, in squares of ``side`` pixels; colours in [-1, 1]. ``tracked``: and flows.

    ``targets`` ``[T, 3, H, W]``, ``references`` ``[K, 3, H, W]``, ``lines`` ``[T, 1, H, W]``, ``reference_lines``
    ``[K, 1, H, W]``, ``tracks`` ``[T, K, 2, H, W]``.
    """
    colours = square(torch.cat((stretch.references, stretch.targets)), side, paper=False)
    drawings = square(stretch.drawings, side, paper=True)
    count = len(stretch.references)
    ends, frames = list(stretch.places[:count]), list(stretch.places[count:])
    row = {
        "targets": 2 * colours[count:] - 1,
        "references": 2 * colours[:count] - 1,
        "lines": drawings[frames],
        "reference_lines": drawings[ends],
    }
    if tracked:
        row["tracks"] = torch.stack([passage_tracks(drawings, at, ends) for at in frames])
    return row


def painted(colorizer: Colorizer, row: Mapping[str, Tensor], seed: int) -> tuple[Tensor, Tensor]:
    """Return the colours ``[T, 3, H, W]``, in [0, 1], of a prepared stretch, and their confidence ``[T, 1, H, W]``."""
    lines, traits = row["lines"], colorizer.traits
    references = tuple(
        Reference(place, (image + 1) / 2, line)
        for place, image, line in zip((0, len(lines) + 1), row["references"], row["reference_lines"], strict=True)
    )[: traits.keyframes]
    window = len(lines) if traits.alone else traits.window
    colours, sure = [], []
    for start in range(0, len(lines), window):
        part = slice(start, start + window)
        nothing = lines.new_zeros(0, 3, *lines.shape[-2:])
        tracks = row["tracks"][part, : traits.keyframes] if traits.tracked else None
        seeds = tuple(range(seed + start, seed + start + len(lines[part])))
        request = Request(lines[part], references, start + 1, seeds, nothing, tracks)
        made = colorizer.colorize(request, FrameNoise(0))
        colours.append(made.frames.clamp(0, 1))
        sure.append(torch.ones_like(lines[part]) if made.confidence is None else made.confidence)
    # Copies: what is made in inference mode cannot be trained on.
    return torch.cat(colours).clone(), torch.cat(sure).clone()
