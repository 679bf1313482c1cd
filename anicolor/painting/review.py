"""What needs an artist's eye in a painted frame: where the colorizer was not sure, region by region."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt
from torch import Tensor

from anicolor.painting.borders import PAPER
from anicolor.painting.layers import painted_area
from anicolor.painting.painter import Painted
from anicolor.painting.regions import default_gap, regions
from anicolor.quality.notes import MOST_REGIONS, RegionNote

__all__ = ["Review", "review"]

_SIDE = 640  # pixels: regions too small to be seen at this size are not noted
_UNSURE = 0.5  # confidence: most votes are for other colours
_SEEN = np.ones((3, 3), np.uint8)  # pixels of doubt: narrower ones are rims of lines, and never wrong as a whole
_DOUBTFUL = 0.7  # of a region, on average
_LEAST = 0.0002  # of the frame

_Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Review:
    """How sure the colorizer was of a frame: see :class:`~anicolor.quality.notes.FrameNote`.

    ``doubt`` ``[h, w]`` is the confidence at a small size, NaN outside the drawing.
    """

    confidence: float | None
    unsure: float | None
    regions: tuple[RegionNote, ...]
    doubt: _Floats | None


def review(painted: Painted, gap: int | None = None) -> Review:
    """Return how sure the colorizer was of a frame, inside the drawing.

    ``gap`` is the widest gap in the lines, in pixels, that bounds a region all the same (None: by the frame's size).
    """
    if painted.confidence is None:
        return Review(None, None, (), None)
    height, width = painted.frame.shape[1:]
    scale = min(1.0, _SIDE / max(height, width))
    size = max(1, round(width * scale)), max(1, round(height * scale))
    sure = _small(painted.confidence, size)
    area = painted_area(painted.paint, painted.drawing).astype(np.uint8)
    inside = cv2.resize(area, size, interpolation=cv2.INTER_NEAREST) > 0
    if not inside.any():
        return Review(1.0, 0.0, (), np.full_like(sure, np.nan))
    closed = default_gap(*sure.shape) if gap is None else round(gap * scale)
    notes = _regions(painted, sure, inside, closed, (width / size[0], height / size[1]))
    doubt = np.where(inside, sure, np.nan).astype(np.float32)
    unsure = cv2.morphologyEx(((sure < _UNSURE) & inside).astype(np.uint8), cv2.MORPH_OPEN, _SEEN)
    return Review(float(sure[inside].mean()), float(unsure.sum() / inside.sum()), notes, doubt)


def _regions(
    painted: Painted, sure: _Floats, inside: npt.NDArray[np.bool_], gap: int, scale: tuple[float, float]
) -> tuple[RegionNote, ...]:
    """Return the most doubtful regions, by what is in doubt of their area."""
    size = sure.shape[1], sure.shape[0]
    bounds = painted.drawing if painted.bounds is None else painted.bounds
    paper = (_small(bounds.amin(dim=0, keepdim=True), size) > PAPER) & inside
    parts = regions(paper, gap)
    area = np.bincount(parts.ravel())
    mean = np.bincount(parts.ravel(), sure.ravel()) / np.maximum(area, 1)
    doubtful = np.flatnonzero((mean < _DOUBTFUL) & (area >= _LEAST * sure.size) & (np.arange(len(area)) > 0))
    worst = sorted(doubtful, key=lambda part: (mean[part] - 1) * area[part])[:MOST_REGIONS]
    return tuple(_note(painted.paint, parts == part, float(mean[part]), scale) for part in worst)


def _note(paint: Tensor, where: npt.NDArray[np.bool_], confidence: float, scale: tuple[float, float]) -> RegionNote:
    height, width = paint.shape[1:]
    y, x = np.nonzero(where)
    across, down = scale
    left, right = int(x.min() * across), min(width, int(np.ceil((x.max() + 1) * across)))
    top, bottom = int(y.min() * down), min(height, int(np.ceil((y.max() + 1) * down)))
    at = np.minimum((y + 0.5) * down, height - 1).astype(int), np.minimum((x + 0.5) * across, width - 1).astype(int)
    levels = np.rint(paint.numpy()[:, at[0], at[1]] * 255).astype(int)
    colours, counts = np.unique(levels, axis=1, return_counts=True)
    red, green, blue = (int(level) for level in colours[:, counts.argmax()])
    area = round(len(y) * across * down)
    return RegionNote((left, top, right, bottom), area, round(confidence, 4), (red, green, blue))


def _small(picture: Tensor, size: tuple[int, int]) -> _Floats:
    """Return ``picture`` ``[1, H, W]`` at ``size`` (width, height)."""
    small: _Floats = cv2.resize(picture[0].numpy(), size, interpolation=cv2.INTER_AREA)
    return small
