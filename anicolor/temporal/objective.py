"""The temporal constraint network's training: a GAN over sequences, the colorizer fixed (sections 3.2, 3.4 and 3.5)."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from anicolor.data.clips import Stretch
from anicolor.diffusion.noise import FrameNoise
from anicolor.frames import FrameRange
from anicolor.layers.perceptual import PerceptualLoss
from anicolor.media.atomic import write_bytes, write_errors
from anicolor.models.colorizer import Colorizer, Reference, Request
from anicolor.models.lineflow.flow import shipped
from anicolor.models.objective import Batch, Objective, Turn
from anicolor.models.tracks import passage_tracks
from anicolor.models.windows import anchors_of, square
from anicolor.temporal.network import PatchDiscriminator
from anicolor.temporal.refiner import Refiner

__all__ = ["Asked", "RefineObjective", "RefineWeights", "painted", "prepared"]


_PARTS = slice(3), slice(3, 6), slice(6, 7), slice(7, 8)  # channels of a sequence
_COLOURS, _LINES = ("targets", "references"), ("lines", "reference_lines")


@dataclass(frozen=True, eq=False)
class Asked:
    """Stretch ``number`` of a series, and how to ``draw`` it where it was not kept."""

    number: int
    draw: Callable[[], Stretch]


@dataclass(frozen=True)
class RefineWeights:
    """Weights of equation 11; there are no latent decoders here."""

    perceptual: float = 1.0
    style: float = 1000.0
    adversarial: float = 1.0
    l1: float = 10.0


class RefineObjective(Objective[Asked]):
    """The discriminator's turn, then the generator's, on what ``colorizer`` makes of frames in a row.

    A stretch and what the colorizer makes of it are kept in the folder ``kept``, in 8 bits: they are the same whenever
    that number comes again, be it mirrored, backwards in time or with its channels in another order. Losses are means
    over all pictures of the sequence, references included. Without VGG19 the perceptual and the style term are off.
    """

    def __init__(
        self,
        refiner: Refiner,
        colorizer: Colorizer,
        side: int,
        kept: Path,
        weights: RefineWeights | None = None,
        perceptual: PerceptualLoss | None = None,
    ) -> None:
        self.network, self.colorizer, self.side, self.kept = refiner.network, colorizer, side, kept
        self.weights, self.perceptual = weights or RefineWeights(), perceptual
        self.lacks_vgg = perceptual is None
        self.discriminator = PatchDiscriminator(refiner.settings.widths[0])
        self.networks = {"discriminator": self.discriminator, "network": refiner.network}
        self.betas, self.rates = (0.5, 0.999), {"discriminator": 0.1}

    def prepare(self, example: Asked, rng: np.random.Generator) -> dict[str, Tensor]:
        """Return what :func:`prepared` makes of a stretch, what is kept of it, and how it is turned around."""
        kept = self._kept(example.number)
        row = self._recalled(kept) if kept else self._drawn(example.draw())
        row["number"], row["known"] = torch.tensor(example.number), torch.tensor(kept is not None)
        row["backwards"], row["mirrored"] = torch.from_numpy(rng.random(2) < 0.5)
        row["channels"] = torch.from_numpy(rng.permutation(3))
        return row

    def turns(self, batch: Batch) -> Iterator[Turn]:
        rows = [{name: value[number] for name, value in batch.items()} for number in range(len(batch["targets"]))]
        sequences = torch.stack([self._sequence(row) for row in rows])
        shown, truth, lines, sure = (sequences[:, :, part] for part in _PARTS)
        made = self.network(shown, lines, sure)
        real, fake = self.discriminator(lines, truth), self.discriminator(lines, made.detach())
        loss = F.softplus(-real).mean() + F.softplus(fake).mean()
        yield Turn("discriminator", loss, {"discriminator": loss.item()})

        losses = {"l1": F.l1_loss(made, truth), "adversarial": F.softplus(-self.discriminator(lines, made)).mean()}
        if self.perceptual is not None:
            pictures = ((part.flatten(0, 1) + 1) / 2 for part in (made, truth))
            losses["perceptual"], losses["style"] = self.perceptual.with_style(*pictures)
        loss = torch.stack([getattr(self.weights, name) * value for name, value in losses.items()]).sum()
        yield Turn("network", loss, {name: value.item() for name, value in losses.items()})

    def _sequence(self, row: Mapping[str, Tensor]) -> Tensor:
        """Return a stretch between its keyframes ``[T + 2, 8, H, W]``: painted, true, its lines, confidence."""
        colours, confidence = self._painted(row)
        first, last = row["references"][:1], row["references"][-1:]
        known = torch.ones_like(confidence[:1])
        order = row["channels"]
        sequence = torch.cat(
            (
                torch.cat((first, 2 * colours - 1, last))[:, order],
                torch.cat((first, row["targets"], last))[:, order],
                torch.cat((row["reference_lines"][:1], row["lines"], row["reference_lines"][-1:])),
                torch.cat((known, confidence, known)),
            ),
            dim=1,
        )
        turned = [dim for dim, name in ((0, "backwards"), (-1, "mirrored")) if row[name]]
        return sequence.flip(turned) if turned else sequence

    def _painted(self, row: Mapping[str, Tensor]) -> tuple[Tensor, Tensor]:
        """Return what the colorizer makes of a stretch, as 8 bits hold it."""
        levels = row["levels"]
        if not row["known"]:
            levels = (torch.cat(painted(self.colorizer, row, int(row["number"])), dim=1) * 255).round().byte()
            whole = {name: _levels(name, row[name]) for name in (*_COLOURS, *_LINES)}
            parts = {**whole, "levels": levels, "places": row["places"]}
            with write_errors(self.kept):
                self.kept.mkdir(parents=True, exist_ok=True)
            packed = save({name: part.cpu().contiguous() for name, part in parts.items()})
            write_bytes(self._path(row["number"]), zlib.compress(packed, level=1))
        shares = levels.float() / 255
        return shares[:, :3], shares[:, 3:]

    def _path(self, number: Tensor | int) -> Path:
        return self.kept / f"{int(number):06d}.stretch"

    def _kept(self, number: int) -> dict[str, Tensor] | None:
        """Return a stretch and its colours as they were kept, in 8 bits; None: they were not, or are damaged."""
        try:
            found = load(zlib.decompress(self._path(number).read_bytes()))
        except (OSError, SafetensorError, zlib.error):
            return None
        return found if found.keys() == {*_COLOURS, *_LINES, "levels", "places"} else None

    def _recalled(self, kept: Mapping[str, Tensor]) -> dict[str, Tensor]:
        row = {name: _shares(name, kept[name]) for name in (*_COLOURS, *_LINES)}
        row["places"], row["levels"] = kept["places"], kept["levels"]
        if self.colorizer.traits.tracked:  # nobody asks for them again, but all rows of a batch have the same
            row["tracks"] = torch.zeros(
                *row["lines"].shape[:1], *row["references"].shape[:1], 3, *row["lines"].shape[-2:]
            )
        return row

    def _drawn(self, stretch: Stretch) -> dict[str, Tensor]:
        row = prepared(stretch, self.side, tracked=self.colorizer.traits.tracked)
        for name in (*_COLOURS, *_LINES):
            row[name] = _shares(name, _levels(name, row[name]))
        row["levels"] = torch.zeros(len(row["lines"]), 4, *row["lines"].shape[-2:], dtype=torch.uint8)
        return row


def _levels(name: str, part: Tensor) -> Tensor:
    """Return colours in [-1, 1], or lines in [0, 1], in 8 bits."""
    return ((part + 1) / 2 if name in _COLOURS else part).mul(255).round().byte()


def _shares(name: str, levels: Tensor) -> Tensor:
    """Return what 8 bits hold: colours in [-1, 1], or lines in [0, 1]."""
    part = levels.float() / 255
    return 2 * part - 1 if name in _COLOURS else part


def prepared(stretch: Stretch, side: int, *, tracked: bool) -> dict[str, Tensor]:
    """Return frames and references, whole, in squares of ``side`` pixels; colours in [-1, 1]. ``tracked``: and tracks.

    ``targets`` ``[T, 3, H, W]``, ``references`` ``[K, 3, H, W]``, ``lines`` ``[T, 1, H, W]``, ``reference_lines``
    ``[K, 1, H, W]``, ``places`` ``[K + T]``, ``tracks`` ``[T, K, 3, H, W]``.
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
        "places": torch.tensor(stretch.places),
    }
    if tracked:
        row["tracks"] = torch.cat([passage_tracks(drawings, at, ends, shipped()) for at in frames])
    return row


def painted(colorizer: Colorizer, row: Mapping[str, Tensor], seed: int) -> tuple[Tensor, Tensor]:
    """Return the colours ``[T, 3, H, W]``, in [0, 1], of a prepared stretch, and their confidence ``[T, 1, H, W]``."""
    lines, traits, places = row["lines"], colorizer.traits, row["places"].tolist()
    count = len(row["references"])
    given = [
        Reference(place, (image + 1) / 2, line)
        for place, image, line in zip(places[:count], row["references"], row["reference_lines"], strict=True)
    ]
    keyframes = sorted(set(places[:count]))  # one that stands alone is there twice
    colours, sure = [], []
    for number, place in enumerate(places[count:]):
        nearest = [places.index(anchor) for anchor in anchors_of(FrameRange(place, place + 1), keyframes, traits)]
        part = slice(number, number + 1)
        nothing = lines.new_zeros(0, 3, *lines.shape[-2:])
        tracks = row["tracks"][part, nearest] if traits.tracked else None
        request = Request(lines[part], tuple(given[n] for n in nearest), place, (seed,), nothing, tracks)
        made = colorizer.colorize(request, FrameNoise(0))
        colours.append(made.frames.clamp(0, 1))
        sure.append(torch.ones_like(lines[part]) if made.confidence is None else made.confidence)
    # Copies: what is made in inference mode cannot be trained on.
    return torch.cat(colours).clone(), torch.cat(sure).clone()
