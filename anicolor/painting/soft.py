"""The soft finish: painted shading and textures raised to the frame's size, without crossing a line."""

from __future__ import annotations

import cv2
import numpy as np
import torch
from torch import Tensor

from anicolor.painting.borders import PAPER
from anicolor.painting.regions import default_gap, grow, regions

__all__ = ["soften"]


def soften(paint: Tensor, drawing: Tensor, *, gap: int | None = None, enlarged: float = 1.0) -> Tensor:
    """Return ``paint`` ``[3, H, W]``, ``enlarged`` so many times, with edges where ``drawing`` ``[3, H, W]`` has lines.

    Interpolation mixes the paint of both sides for as many pixels beside a line as one of the colorizer's was enlarged
    to. These take the nearest paint of their region that lies further inside; all else stays, and so does a region
    that is nowhere wider. ``gap``: see :func:`~anicolor.painting.regions.regions`.
    """
    if enlarged <= 1:
        return paint
    paper = (drawing.amin(dim=0) > PAPER).numpy()
    inside = cv2.distanceTransform(np.pad(paper, 1, mode="edge").astype(np.uint8), cv2.DIST_L2, 5)[1:-1, 1:-1]
    beside = paper & (inside <= enlarged)
    if not beside.any():
        return paint
    places = np.arange(1, paper.size + 1, dtype=np.int32).reshape(paper.shape)
    parts = regions(paper, default_gap(*paper.shape) if gap is None else gap)
    found = grow(np.where(paper & ~beside, places, 0), beside, parts)
    where = np.flatnonzero(beside & (found > 0))
    soft = paint.flatten(1).clone()
    soft[:, torch.from_numpy(where)] = soft[:, torch.from_numpy(found.ravel()[where].astype(np.int64) - 1)]
    return soft.view_as(paint)
