"""A measure of change that works on line art: small pictures, matched block by block.

A moved line changes most pixels under it, but it is found again a few pixels further; a line of another
shot is not.
"""

from __future__ import annotations

from itertools import product
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

__all__ = ["Thumbnail", "change", "is_blank", "thumbnail"]

Thumbnail = npt.NDArray[np.float32]

_SIZE = 64
_BLOCK = 8
# How far a block is looked for: a tenth of the picture, in pixels of the thumbnail.
_REACH = 6
# Levels of 255. Fainter pictures are noise: they have no structure to compare.
_NOISE = 2.0
# Below this, frames are alike as they stand, and the search, which is slow, could only lower it.
_ALIKE = 0.05


def thumbnail(pixels: npt.NDArray[Any]) -> Thumbnail:
    """Return ``pixels`` (uint8 RGB ``[H, W, 3]``) as float32 ``[64, 64, 3]``, in levels of 255."""
    small = cv2.resize(pixels, (_SIZE, _SIZE), interpolation=cv2.INTER_AREA).astype(np.float32)
    soft: Thumbnail = cv2.GaussianBlur(small, (0, 0), 0.7)
    return soft


def is_blank(picture: Thumbnail) -> bool:
    """Say whether nothing is drawn: an empty page, black, or one flat colour."""
    return _energy(picture - _mean(picture)) <= _NOISE**2 * picture.size


def change(before: Thumbnail, after: Thumbnail) -> float:
    """Return how little of one picture is found in the other: 0 the same, 1 nothing in common.

    The squared change of the mean colour, plus what differs about the means after the best local shift of
    every block, over the energy of both pictures.
    """
    means = _mean(before), _mean(after)
    # Each about its own mean: a few lines count on a white page, and so does how much ink there is.
    a, b = before - means[0], after - means[1]
    tint = _energy(means[0] - means[1]) * a.size / means[0].size
    energy = tint + _energy(a) + _energy(b) + 2 * _NOISE**2 * a.size
    as_it_stands = (tint + _energy(a - b)) / energy
    if as_it_stands <= _ALIKE:
        return as_it_stands
    # Both ways: what enters a picture is found in neither direction, what is uncovered in one.
    return (tint + min(_unmatched(a, b), _unmatched(b, a))) / energy


def _mean(picture: Thumbnail) -> Thumbnail:
    mean: Thumbnail = picture.mean(axis=(0, 1))
    return mean


def _energy(picture: Thumbnail) -> float:
    return float(np.sum(np.square(picture)))


def _unmatched(where: Thumbnail, blocks: Thumbnail) -> float:
    """Sum over ``blocks``' blocks of the least squared difference to ``where``, near their own place."""
    wide = cv2.copyMakeBorder(where, _REACH, _REACH, _REACH, _REACH, cv2.BORDER_REPLICATE)
    reach = _BLOCK + 2 * _REACH
    rest = 0.0
    for y, x in product(range(0, _SIZE, _BLOCK), repeat=2):
        block = blocks[y : y + _BLOCK, x : x + _BLOCK]
        found = cv2.matchTemplate(wide[y : y + reach, x : x + reach], block, cv2.TM_SQDIFF)
        # OpenCV's sums round to a little below zero.
        rest += max(0.0, float(found.min()))
    return rest
