"""A refiner: painted frames of a shot, made consistent in time by a network that sees several at once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from itertools import islice, pairwise
from pathlib import Path

import torch
from torch import Tensor, nn

from anicolor.errors import InputError
from anicolor.frames import FrameRange
from anicolor.models.colorizer import Reference
from anicolor.models.weights import load_weights, read_header
from anicolor.models.windows import DTYPES, Precision, pad
from anicolor.temporal.network import MARGIN, RefinerSettings, TimeNetwork
from anicolor.temporal.sight import Sight, Thing

__all__ = ["PRESETS", "REFINER", "SHIPPED", "TINY", "Refiner", "build", "load_refiner", "refined", "wanted", "windows"]

PRESETS = {
    "refiner": RefinerSettings(),
    "refiner-small": RefinerSettings(widths=(16, 32, 64), skips=True),
}

TINY = {name: replace(preset, widths=(8, 8, 8)) for name, preset in PRESETS.items()}
"""The same forms with as few weights as they can have: what tests build."""

REFINER = "refiner-small"
"""The one that films are refined with."""

SHIPPED: Path | None = None
"""Its shipped weights, if any."""


class Refiner:
    """Colours and lines of a stretch of drawings to colours that agree with each other. It has a network."""

    def __init__(self, settings: RefinerSettings) -> None:
        self.settings = settings
        self.network = TimeNetwork(settings).eval()

    @property
    def networks(self) -> dict[str, nn.Module]:
        """The networks by name, as a weights file stores them."""
        return {"network": self.network}

    @property
    def frozen(self) -> dict[str, nn.Module]:
        """There is none."""
        return {}

    @property
    def device(self) -> torch.device:
        """Where the network is."""
        return self.network.leave.bias.device  # type: ignore[return-value]

    def to(self, device: torch.device | str) -> Refiner:
        """Move the network to ``device`` and return the refiner."""
        self.network.to(device).to(memory_format=torch.channels_last)
        return self

    @torch.inference_mode()
    def refine(
        self,
        colours: Tensor,
        lines: Tensor,
        confidence: Tensor,
        ends: tuple[Reference, Reference],
        precision: Precision = "float32",
    ) -> Tensor:
        """Return the colours of drawings in a row, ``[T, 3, H, W]`` in [0, 1] on the CPU, refined.

        ``lines`` and ``confidence`` are ``[T, 1, H, W]``; ``ends`` are the keyframes before and after them, of that
        size, any at all.
        """
        first, last = ends
        height, width = colours.shape[-2:]
        multiple = self.settings.size_multiple
        shown = pad(torch.cat((first.image[None], colours, last.image[None])), multiple, paper=False)
        drawn = pad(torch.cat((first.lines[None], lines, last.lines[None])), multiple, paper=True)
        known = torch.ones_like(confidence[:1])
        sure = pad(torch.cat((known, confidence, known)), multiple, paper=False)
        with torch.autocast(self.device.type, DTYPES[precision], enabled=precision != "float32"):
            made = self.network(*(part[None].to(self.device) for part in (2 * shown - 1, drawn, sure)))[0]
        refined: Tensor = ((made[1:-1, :, :height, :width].float() + 1) / 2).clamp(0, 1).cpu()
        return refined


def refined(
    sights: Iterable[Sight[Thing]],
    length: int,
    references: Mapping[int, Reference],
    refiner: Refiner,
    precision: Precision = "float32",
) -> Iterator[Sight[Thing]]:
    """Yield the ``length`` drawings of a shot in their order, refined between keyframes, which stay as they are.

    ``references`` are the keyframes by drawing, borrowed ones outside of the shot. The drawings of a window are held.
    """
    coming = iter(sights)
    borders = [-1, *sorted(index for index in references if 0 <= index < length), length]
    for before, after in pairwise(borders):
        gap = FrameRange(before + 1, after)
        if gap:
            yield from _between(islice(coming, len(gap)), gap, _ends(gap, references), refiner, precision)
        yield from islice(coming, 1)


def windows(length: int, window: int) -> Iterator[tuple[FrameRange, FrameRange]]:
    """Yield the frames of each window of a stretch of so many, and those of them whose result is kept.

    Windows overlap, and every frame is kept from one where others lie around it; the last one is shifted back.
    """
    done = 0
    while done < length:
        start = max(0, min(done - MARGIN, length - window))
        stop = min(length, start + window)
        kept = stop if stop == length else stop - MARGIN
        yield FrameRange(start, stop), FrameRange(done, kept)
        done = kept


def _between(
    sights: Iterator[Sight[Thing]],
    gap: FrameRange,
    ends: tuple[Reference, Reference],
    refiner: Refiner,
    precision: Precision,
) -> Iterator[Sight[Thing]]:
    held: list[Sight[Thing]] = []
    start = 0
    for frames, new in windows(len(gap), refiner.settings.window):
        held = held[frames.start - start :]
        start = frames.start
        held += islice(sights, len(frames) - len(held))
        made = refiner.refine(
            torch.stack([sight.colours for sight in held]),
            torch.stack([sight.lines for sight in held]),
            torch.stack([_confidence(sight) for sight in held]),
            ends,
            precision,
        )
        for place in new:
            yield replace(held[place - start], colours=made[place - start])


def _confidence(sight: Sight[Thing]) -> Tensor:
    return torch.ones_like(sight.lines) if sight.confidence is None else sight.confidence


def _ends(gap: FrameRange, references: Mapping[int, Reference]) -> tuple[Reference, Reference]:
    """Return the keyframes before and after the drawings ``gap``; where there is none, the one on the other side."""
    before = [index for index in references if index < gap.start]
    after = [index for index in references if index >= gap.stop]
    first = max(before) if before else min(after)
    return references[first], references[min(after) if after else first]


def build(name: str, settings: Mapping[str, object] | None = None) -> Refiner:
    """Return refiner ``name`` with random weights; ``settings`` of a weights file replace the preset's."""
    if settings is None:
        return Refiner(PRESETS[name])
    widths = settings.get("widths")
    known = {**settings, "widths": tuple(widths)} if isinstance(widths, list) else settings
    return Refiner(RefinerSettings(**known))  # type: ignore[arg-type]


def wanted(weights: Path | None, device: str = "cpu", *, refine: bool | None = None) -> Refiner | None:
    """Return the refiner that a user's wish comes to; by default (None) there is one if there are weights.

    Raises:
        InputError: weights are given, but not wanted; and as :func:`load_refiner`.
    """
    if refine is False and weights is not None:
        raise InputError("--refiner names the weights of what --no-refine leaves out: give one of them")
    if refine is False or (refine is None and weights is None and SHIPPED is None):
        return None
    return load_refiner(weights, device)


def load_refiner(weights: Path | None = None, device: str = "cpu") -> Refiner:
    """Return the refiner with ``weights``, or with the shipped ones, on ``device``.

    Raises:
        InputError: there is no such file, or none are shipped.
        AnicolorError: damaged weights, or weights of another model.
    """
    path = weights or SHIPPED
    if path is None:
        raise InputError(
            f"{REFINER} ships without weights: give --refiner FILE, or train them with 'anicolor train {REFINER}'"
        )
    found = read_header(path).get("model")
    return load_weights(path, found if found in PRESETS else REFINER, build).to(device)
