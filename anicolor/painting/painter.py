"""From what a colorizer made to the painted frame: paint at full size, and the artist's lines over it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

import torch
from torch import Tensor

from anicolor.lines.distance import without_ink
from anicolor.lines.trace import trace_mask
from anicolor.painting.finish import confidence_layer, finish, paint_layer, whitened
from anicolor.painting.flat import flatten
from anicolor.painting.ink import InkColours
from anicolor.painting.palette import ColourModel, Palette
from anicolor.painting.soft import soften
from anicolor.painting.trace import Trace, painted_over

__all__ = ["Finish", "Look", "Painted", "Painter"]

Finish: TypeAlias = Literal["flat", "soft", "raw"]


@dataclass(frozen=True, eq=False)
class Look:
    """What the keyframes of a shot say about its lines and its paint; None: nothing."""

    ink: InkColours | None
    palette: Palette | None


@dataclass(frozen=True, eq=False)
class Painted:
    """A painted frame: its ``drawing``, its ``paint`` and the two as one ``frame``, ``[3, H, W]`` each.

    ``bounds`` ``[3, H, W]`` is the drawing with the trace lines that are painted over (None: it is the drawing).
    ``confidence`` ``[1, H, W]`` is the colorizer's (None: it cannot tell), ``moved`` how many pixels had to move far to
    reach a colour of the colour model, ``corrected`` how many patches flickered and were given the colours around them
    in time.
    """

    drawing: Tensor
    paint: Tensor
    frame: Tensor
    confidence: Tensor | None = None
    moved: int = 0
    corrected: int = 0
    bounds: Tensor | None = None


@dataclass(frozen=True, eq=False)
class Painter:
    """Finishes the frames of a shot: as its keyframes ``look``, with its fills in the colours of ``model`` if any.

    ``finish``, ``gap`` and ``trace`` are those of the pipeline's settings.
    """

    look: Look
    finish: Finish = "flat"
    gap: int | None = None
    model: ColourModel | None = None
    trace: Trace = "keyframe"

    def paint(self, colours: Tensor, confidence: Tensor | None, lines: Tensor, drawing: Tensor) -> Painted:
        """Return the frame of ``colours`` ``[3, h, w]`` and ``lines`` ``[1, h, w]`` under ``drawing`` ``[3, H, W]``."""
        height, width = drawing.shape[1:]
        sure = None if confidence is None else confidence_layer(confidence, (height, width))
        paint = self._raised(paint_layer(colours, lines, (height, width)), sure, drawing, height / colours.shape[1])
        moved = 0
        if self.model is not None:
            paint, moved = self.model.locked(paint, self.look.palette)
        bounds = None
        if self.trace == "paint":
            bounds, (paint, drawing) = drawing, painted_over(paint, drawing)
        frame = finish(paint, drawing, self.look.ink)
        if self.trace == "keep":
            frame = torch.where(trace_mask(drawing[None])[0].any(dim=0), paint * drawing, frame)
        return Painted(drawing, paint, frame, sure, moved, bounds=bounds)

    def given(self, image: Tensor, drawing: Tensor) -> Painted:
        """Return a keyframe ``image`` ``[3, H, W]`` as it was given; its paint is the nearest to its lines."""
        paint = without_ink(image[None], drawing.amin(dim=0, keepdim=True)[None])[0]
        return Painted(drawing, paint, image, torch.ones_like(image[:1]))

    def _raised(self, paint: Tensor, sure: Tensor | None, drawing: Tensor, enlarged: float) -> Tensor:
        if self.look.palette is not None:
            return flatten(self.look.palette, paint, drawing, sure, gap=self.gap, enlarged=enlarged)
        paint = whitened(paint)
        return paint if self.finish == "raw" else soften(paint, drawing, gap=self.gap, enlarged=enlarged)
