"""ColorizeDiffusion's two stages (section 3.3), and the training of the small autoencoder before them."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from anicolor.data.clips import Example
from anicolor.layers.perceptual import PerceptualLoss
from anicolor.models.colorizediffusion.colorizer import LatentColorizer
from anicolor.models.colorizediffusion.network import LatentSettings
from anicolor.models.objective import Batch, Objective, Turn
from anicolor.models.windows import square

__all__ = ["AutoencoderObjective", "NoisyObjective", "PaintObjective", "RefineObjective", "build_objective", "middle"]

_DIVERGENCE = 1e-4  # weight of the KL term, a mean over the latents
_SHOWN = 0.5  # least share of a side of the sketch that is left


class AutoencoderObjective(Objective[Example]):
    """The small VAE: L1, the perceptual term if there is one, and a little of the divergence from a normal one."""

    def __init__(self, colorizer: LatentColorizer, side: int, perceptual: PerceptualLoss | None = None) -> None:
        self.vae, self.side, self.perceptual = colorizer.vae, side, perceptual
        self.lacks_vgg = perceptual is None
        self.networks = {"vae": colorizer.vae}
        self.shape = _shape(colorizer.settings, side)

    def prepare(self, example: Example, rng: np.random.Generator) -> dict[str, Tensor]:
        """Return the picture in [-1, 1], and by chance the noise of its latents."""
        picture = square(example.target[None], self.side, paper=False)[0]
        return {"target": 2 * picture - 1, "noise": _normal(rng, self.shape)}

    def turns(self, batch: Batch) -> Iterator[Turn]:
        target = batch["target"]
        found = self.vae.model.encode(target).latent_dist
        raw = found.mean + found.std * batch["noise"]
        self.vae.measure(raw)
        made = self.vae.model.decode(raw).sample
        losses = {
            "l1": F.l1_loss(made, target),
            "divergence": _DIVERGENCE * 0.5 * (found.mean.square() + found.var - 1 - found.logvar).mean(),
        }
        if self.perceptual is not None:
            losses["perceptual"] = 0.1 * self.perceptual((made + 1) / 2, (target + 1) / 2)
        loss = torch.stack(list(losses.values())).sum()
        yield Turn("vae", loss, {name: value.item() for name, value in losses.items()})


class PaintObjective(Objective[Example]):
    """What both stages share: a random time step, in latents of whole frames in squares (equation 1).

    Of the references and the sketches a share is dropped, which guidance needs. The autoencoder stays as it is.
    """

    dropped_references: float
    dropped_sketches: float
    noisy: bool
    """Whether the tokens get the time step's noise."""

    def __init__(self, colorizer: LatentColorizer, side: int) -> None:
        self.network, self.vae, self.vision = colorizer.network, colorizer.vae, colorizer.vision
        self.schedule, self.settings, self.side = colorizer.schedule, colorizer.settings, side
        # In the layout of the stage before, so that a training that goes on from here rounds as it did.
        self.vae.requires_grad_(False).to(memory_format=torch.channels_last)
        self.networks = {"network": colorizer.network}

    def prepare(self, example: Example, rng: np.random.Generator) -> dict[str, Tensor]:
        """Return target and lines in [-1, 1], references in [0, 1], and by chance time, noise and what is dropped."""
        settings = self.settings
        kept = {"referred": self.dropped_references, "sketched": self.dropped_sketches}
        row = {name: torch.tensor(float(rng.random() >= share)) for name, share in kept.items()}
        target = square(example.target[None], self.side, paper=False)
        references = target if settings.copies else square(example.references, self.side, paper=False)
        lines = square(example.lines[None], self.side, paper=True)[0]
        if settings.cropped:
            lines = middle(lines, rng)
        row |= {
            "target": 2 * target[0] - 1,
            "references": references,
            "lines": 2 * lines - 1,
            "time": torch.tensor(rng.integers(settings.timesteps)),
            "noise": _normal(rng, _shape(settings, self.side)),
        }
        if self.noisy:
            vision = settings.vision
            row["token_noise"] = _normal(rng, (len(references) * vision.count, vision.tokens))
        return row

    def turns(self, batch: Batch) -> Iterator[Turn]:
        time, noise = batch["time"], batch["noise"]
        with torch.no_grad():
            latents = self.vae.encode(batch["target"])
        references = batch["references"]
        tokens = self.vision(references.flatten(0, 1)).unflatten(0, references.shape[:2]).flatten(1, 2)
        if self.noisy:
            tokens = self.schedule.noised(tokens, batch["token_noise"], time)
        tokens = tokens * batch["referred"].view(-1, 1, 1)
        features = [part * batch["sketched"].view(-1, 1, 1, 1) for part in self.network.sketch(batch["lines"])]
        predicted = self.network(self.schedule.noised(latents, noise, time), time, features, tokens)
        loss = F.mse_loss(predicted, self.schedule.target(latents, noise, time))
        yield Turn("network", loss, {"noise": loss.item()})


class NoisyObjective(PaintObjective):
    """Stage one: the tokens of the reference get the noise of the time step, and 10 % are dropped."""

    dropped_references, dropped_sketches, noisy = 0.1, 0.0, True


class RefineObjective(PaintObjective):
    """Stage two: the tokens as they are; 50 % of the references are dropped, and 10 % of the sketches."""

    dropped_references, dropped_sketches, noisy = 0.5, 0.1, False


def middle(lines: Tensor, rng: np.random.Generator) -> Tensor:
    """Return ``lines`` ``[1, H, W]`` with paper around a window in the middle (section 4.1).

    It has the same random share of both sides, from half of them to all.
    """
    share = rng.uniform(_SHOWN, 1)
    height, width = lines.shape[-2:]
    top, left = (round(side * (1 - share) / 2) for side in (height, width))
    shown = ..., slice(top, height - top), slice(left, width - left)
    cropped = torch.ones_like(lines)
    cropped[shown] = lines[shown]
    return cropped


def _shape(settings: LatentSettings, side: int) -> tuple[int, int, int]:
    """Return the shape of the latents of a square of ``side`` pixels."""
    return settings.vae.latents, side // settings.vae.factor, side // settings.vae.factor


def _normal(rng: np.random.Generator, shape: tuple[int, ...]) -> Tensor:
    return torch.from_numpy(rng.standard_normal(shape, np.float32))


def build_objective(
    stage: str,
    colorizer: LatentColorizer,
    side: int,
    unroll: int,  # noqa: ARG001
    perceptual: PerceptualLoss | None,
) -> Objective[Example]:
    """Return the objective of ``stage``: ``autoencoder``, ``noisy`` or ``refine``, on whole frames of ``side`` pixels.

    To adapt is to refine.
    """
    if stage == "autoencoder":
        return AutoencoderObjective(colorizer, side, perceptual)
    return NoisyObjective(colorizer, side) if stage == "noisy" else RefineObjective(colorizer, side)
