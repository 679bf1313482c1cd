"""A measure of change that works on line art: small pictures, matched block by block.

A moved line changes most pixels under it, but it is found again a few pixels further; a line of another
shot is not. Nor does a pose change much where on the page the lines are dense, as another drawing does.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
from numpy.lib.stride_tricks import as_strided

__all__ = ["SIDE", "Sketch", "change", "difference", "distance", "mixed", "rearranged", "sketch", "tint", "unsearched"]

Levels = npt.NDArray[np.float32]

SIDE = 64
"""Pixels of a side of what a sketch is made from."""

_SIZE = 32
_BLOCK = 8
_ROW = _SIZE // _BLOCK
# How far a block is looked for: a tenth of the picture, in pixels of the sketch.
_REACH = 3
_SHIFTS = 2 * _REACH + 1
_CELLS = 8
_SUM = np.ones((1, 3), np.float32)
# Levels of 255. Fainter pictures are noise: they have no structure to compare.
_NOISE = 2.0
_EMPTY = 0.01  # levels squared: keeps empty pages apart from a division by nothing


@dataclass(frozen=True, eq=False)
class Sketch:
    """What is kept of a frame, in levels of 255.

    ``picture`` float32 ``[32, 32, 3]`` about its own ``mean`` ``[3]``; ``energy`` is the sum of its squares.
    ``density`` float32 ``[8, 8]`` is the root mean square of what a blur of 3x3 takes away from 8x8 pixels each, over
    all channels; ``detail`` is the mean square of that over all pixels and channels.
    """

    picture: Levels
    mean: Levels
    energy: float
    density: Levels
    detail: float

    @property
    def blank(self) -> bool:
        """Whether nothing is drawn: an empty page, black, or one flat colour."""
        return self.energy <= _NOISE**2 * self.picture.size


def sketch(pixels: npt.NDArray[Any]) -> Sketch:
    """Return the sketch of ``pixels``, uint8 RGB ``[64, 64, 3]``."""
    fine = pixels.astype(np.float32)
    edges = np.square(fine - cv2.blur(fine, (3, 3)))
    density = cv2.resize(cv2.transform(edges, _SUM), (_CELLS, _CELLS), interpolation=cv2.INTER_AREA)
    coarse = cv2.resize(fine, (_SIZE, _SIZE), interpolation=cv2.INTER_AREA)
    mean = np.array(cv2.mean(coarse)[:3], np.float32)  # 20 times faster than numpy's
    coarse -= mean
    return Sketch(coarse, mean, _dot(coarse, coarse), np.sqrt(density), float(density.mean()) / 3)


def difference(before: Sketch, after: Sketch) -> float:
    """Return :func:`change` without the search: never less, and twenty times faster."""
    return unsearched(before, after) / _energy(before, after)


def unsearched(before: Sketch, after: Sketch) -> float:
    """Return :func:`distance` without the search: never less."""
    rest = before.picture - after.picture
    return _tint(before, after) + _dot(rest, rest)


def change(before: Sketch, after: Sketch) -> float:
    """Return how little of one picture is found in the other: 0 the same, 1 nothing in common.

    The squared change of the mean colour, plus what differs about the means after the best local shift of
    every block, over the energy of both pictures.
    """
    return distance(before, after) / _energy(before, after)


def distance(before: Sketch, after: Sketch) -> float:
    """Return :func:`change` in squared levels, not over the energy of the pictures."""
    a, b = before.picture, after.picture
    # Both ways: what enters a picture is found in neither direction, what is uncovered in one.
    return _tint(before, after) + min(_unmatched(a, b), _unmatched(b, a))


def rearranged(before: Sketch, after: Sketch) -> float:
    """Return how differently detail is spread over the page: 0 the same (a negative is), 1 nothing in common."""
    a, b = before.density, after.density
    step = a - b
    return _dot(step, step) / (_dot(a, a) + _dot(b, b) + _EMPTY * a.size)


def mixed(old: Sketch, new: Sketch, share: float) -> Sketch:
    """Return what a mixture with ``share`` of ``new`` looks like; its detail is not known."""
    picture = (1 - share) * old.picture + share * new.picture
    mean, density = (1 - share) * old.mean + share * new.mean, np.zeros_like(old.density)
    return Sketch(picture, mean, _dot(picture, picture), density, 0.0)


def tint(a: Sketch, b: Sketch) -> float:
    """Return the part of :func:`change` that the mean colours make: never more than all, and nearly free."""
    return _tint(a, b) / _energy(a, b)


def _tint(a: Sketch, b: Sketch) -> float:
    # Each about its own mean: a few lines count on a white page, and so does how much ink there is.
    step = a.mean - b.mean
    return float(step @ step) * _SIZE**2


def _energy(a: Sketch, b: Sketch) -> float:
    return _tint(a, b) + a.energy + b.energy + 2 * _NOISE**2 * a.picture.size


def _dot(a: Levels, b: Levels) -> float:
    return float(a.ravel() @ b.ravel())


def _unmatched(where: Levels, blocks: Levels) -> float:
    """Sum over ``blocks``' blocks of the least squared difference to ``where``, near their own place."""
    wide = cv2.copyMakeBorder(where, _REACH, _REACH, _REACH, _REACH, cv2.BORDER_REPLICATE)
    y, x, c = wide.strides
    shape = (_ROW, _ROW, _SHIFTS, _SHIFTS, _BLOCK, _BLOCK, 3)
    patches = as_strided(wide, shape, (_BLOCK * y, _BLOCK * x, y, x, y, x, c), writeable=False)
    wanted = blocks.reshape(_ROW, _BLOCK, _ROW, _BLOCK, 3).swapaxes(1, 2).reshape(_ROW, _ROW, -1, 1)
    found = (patches.reshape(_ROW, _ROW, _SHIFTS * _SHIFTS, -1) @ wanted)[..., 0]
    # A patch's own energy: the sums of all 8x8 squares, taken where the blocks begin.
    sums = cv2.boxFilter(np.square(wide).sum(axis=2), -1, (_BLOCK, _BLOCK), anchor=(0, 0), normalize=False)
    y, x = sums.strides
    own = as_strided(sums, shape[:4], (_BLOCK * y, _BLOCK * x, y, x), writeable=False)
    squares = own.reshape(_ROW, _ROW, -1) - 2 * found
    # Rounding may take the sum a little below zero.
    return max(0.0, float(squares.min(axis=2).sum()) + _dot(blocks, blocks))
