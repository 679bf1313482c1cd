"""Regions of a line drawing: what one fill would paint, although the lines have gaps.

Trapped-ball segmentation (Zhang et al., Vectorizing Cartoon Animations, IEEE TVCG 2009, section 4): a ball that does
not fit through a gap stays inside the outline. What one ball does not reach are regions of their own, but for corners.
"""

from __future__ import annotations

from typing import TypeAlias

import cv2
import numpy as np
import numpy.typing as npt
from skimage.segmentation import watershed

__all__ = ["Labels", "default_gap", "false_colours", "grow", "regions"]

_GAP = 1 / 480  # of the longer side: 4 pixels of 1920
_CORNER = 4  # of a ball's squared radius: so small a piece is a corner that the ball does not reach
_NEXT = np.ones((3, 3), np.uint8)

Labels: TypeAlias = npt.NDArray[np.int32]
_Flags = npt.NDArray[np.bool_]


def default_gap(height: int, width: int) -> int:
    """Return the widest gap, in pixels, that is closed in the lines of a frame of this size."""
    return max(1, round(_GAP * max(height, width)))


def regions(paper: _Flags, gap: int) -> Labels:
    """Return the regions ``[H, W]`` of ``paper`` ``[H, W]``, 1 and up; lines are 0.

    Lines with gaps of at most ``gap`` pixels bound all the same.

    Raises:
        ValueError: ``gap`` is negative.
    """
    if gap < 0:
        raise ValueError(f"expected a gap of no pixels or more, got {gap}")
    width = cv2.distanceTransform(np.pad(paper, 1, mode="edge").astype(np.uint8), cv2.DIST_L2, 5)[1:-1, 1:-1]
    radius = gap / 2 + 0.5  # of a ball that is wider than the gap
    inside = width > radius
    count, balls = cv2.connectedComponents(inside.astype(np.uint8), connectivity=4)
    distance, nearest = cv2.distanceTransformWithLabels(
        (~inside).astype(np.uint8), cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL
    )
    rim = np.flatnonzero(paper & ~inside & (distance <= radius))
    found: Labels = balls.copy()
    if inside.any():
        found.ravel()[rim] = balls[inside][nearest.ravel()[rim] - 1]  # row by row, as they are labelled
    narrow = paper & (found == 0)
    pieces, piece = cv2.connectedComponents(narrow.astype(np.uint8), connectivity=4)
    region_of = np.arange(count - 1, count - 1 + pieces, dtype=np.int32)
    places = np.flatnonzero(narrow)
    pieces_there = piece.ravel()[places]
    small = np.bincount(pieces_there, minlength=pieces) <= _CORNER * radius**2
    corner = small[pieces_there]
    here = pieces_there[corner]
    y, x = np.divmod(places[corner], found.shape[1])
    for down, right in ((0, 1), (0, -1), (1, 0), (-1, 0)):
        beside = found[(y + down).clip(0, len(found) - 1), (x + right).clip(0, found.shape[1] - 1)]
        region_of[here[beside > 0]] = beside[beside > 0]
    found.ravel()[places] = region_of[pieces_there]
    return found


def grow(seeds: Labels, where: _Flags, within: Labels) -> Labels:
    """Return ``seeds`` ``[H, W]`` (0: none) with each pixel ``where`` it is asked as the nearest seed of its region.

    The way to it stays in one region of ``within`` ``[H, W]``. Pixels that no seed of their region reaches, and those
    beside another region, stay 0.
    """
    y, x = np.nonzero(where)
    if not len(y):
        return seeds.copy()
    box = slice(max(y.min() - 1, 0), y.max() + 2), slice(max(x.min() - 1, 0), x.max() + 2)
    front = cv2.dilate(where[box].astype(np.uint8), _NEXT).astype(bool)  # seeds further away reach nothing first
    open_ = front & (within[box] > 0)
    own, left, above = within[y, x], within[y, np.maximum(x - 1, 0)], within[np.maximum(y - 1, 0), x]
    beside = ((left != own) & (left > 0)) | ((above != own) & (above > 0))
    open_[y[beside] - box[0].start, x[beside] - box[1].start] = False
    sources = np.where(open_ & ~where[box], seeds[box], 0)
    grown = watershed(np.zeros(open_.shape, np.uint8), sources, connectivity=1, mask=open_)
    found = seeds.copy()
    found[y, x] = grown[y - box[0].start, x - box[1].start]
    return found


def false_colours(labels: Labels) -> npt.NDArray[np.uint8]:
    """Return a colour ``[H, W, 3]`` (RGB) for each of the ``labels`` ``[H, W]``, far from its neighbours'; 0 is black.

    Hues a golden angle apart: numbers that are close have colours that are not.
    """
    count = int(labels.max()) + 1
    turns = np.arange(count) * 0.6180339887498949 % 1
    hsv = np.stack((turns * 180, 110 + np.arange(count) * 37 % 110, 200 + np.arange(count) * 53 % 56), axis=1)
    table = cv2.cvtColor(hsv.astype(np.uint8)[None], cv2.COLOR_HSV2RGB)[0]
    table[0] = 0
    coloured: npt.NDArray[np.uint8] = table[labels]
    return coloured
