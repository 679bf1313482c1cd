"""The colour of the lines: as the keyframes show it, where that is not as the drawing has it.

Departments draw in black and paint lines brown, or in the colour of what they bound; trace lines vanish in the paint.
What a line becomes follows from the paint on both its sides.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from anicolor.lines.distance import nearest

__all__ = ["InkColours", "InkSamples"]

_PAPER = 0.9  # what is lighter than this is paper
_CLEAN = 0.02  # paper this much darker than most has ink mixed in
_OPAQUE = 0.65  # from this opacity on the ink's own colour can be told
_REACH, _LEAST_REACH = 0.02, 8  # of the longer side, pixels: the widest line
_TENSOR, _FLAT = 5, 1e-4  # pixels; the least eigenvalue of a border
_PER_PIXEL = 1 / 20  # of Sobel's slopes: their sums over the window stay below 1
_STEP = 6  # levels: paint closer than this is one colour
_FEWEST, _RAREST = 4, 0.002  # samples of a pair of sides, and their share of all: less is chance
_AS_DRAWN = 8 / 255  # closer than this to the drawing's own colour the ink is as drawn
_NOISE = 0.05  # paper this dark is no ink
_PAIRS = 2**24  # compared at a time

_Floats = npt.NDArray[np.float32]
_Whole = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class InkColours:
    """What the lines between two paints look like in the keyframes of a shot."""

    sides: Tensor
    """``[N, 6]``: the paint on the lighter and on the darker side of a line, in steps of six levels."""
    colours: Tensor
    """``[N, 3]`` in [0, 1]: the ink between them."""
    drawn: Tensor
    """``[N]``, bool: it has the colour that the drawing gives it."""
    darkness: float
    """Of the drawing where it is opaque ink, above 0 to 1: pencil is grey."""

    def lay(self, drawing: Tensor, paint: Tensor, ground: Tensor | None = None) -> Tensor:
        """Return the frame ``[3, H, W]``: the lines of ``drawing`` ``[3, H, W]`` in these colours over ``paint``.

        Lines keep their shape and opacity; those that the keyframes show as drawn are the drawing's own, unchanged.
        With a ``ground`` ``[3, H, W]`` they are laid over that instead, and the paint only tells their colours.
        """
        ground = paint if ground is None else ground
        frame = ground * drawing
        lines = drawing.amin(dim=0)
        where = (lines < 1).flatten().nonzero()[:, 0]
        if not len(where) or not (lines > _PAPER).any():
            return frame
        keys, back = np.unique(_packed(_sides(paint, lines, where)), return_inverse=True)
        nearest_row = self._rows(_unpacked(keys))[torch.from_numpy(back)]
        inked = ~self.drawn[nearest_row]
        where, ink = where[inked], self.colours[nearest_row[inked]].T
        over, under = _opacity(lines, where, self.darkness), ground.flatten(1)[:, where]
        frame.flatten(1)[:, where] = ink * over + under * (1 - over)
        return frame

    def _rows(self, sides: Tensor) -> Tensor:
        parts = torch.split(sides, max(1, _PAIRS // len(self.sides)))
        return torch.cat([torch.cdist(part, self.sides).argmin(dim=1) for part in parts])


class InkSamples:
    """Collects the ink of a shot's keyframes, one after the other."""

    def __init__(self) -> None:
        self._keys: list[_Whole] = []
        self._seen: list[_Floats] = []
        self._drawn: list[_Floats] = []
        self._darkness: list[float] = []

    def add(self, image: Tensor, drawing: Tensor) -> None:
        """Look at a keyframe ``[3, H, W]`` and its drawing of the same shape."""
        lines = drawing.amin(dim=0)
        marks = 1 - lines[lines < 1 - _NOISE]
        if not len(marks) or not (lines > _PAPER).any():
            return
        darkness = float(np.percentile(marks.numpy(), 90))
        where = (lines <= 1 - _OPAQUE * darkness).flatten().nonzero()[:, 0]
        sides = _sides(image, lines, where)
        over = _opacity(lines, where, darkness).numpy()
        under = (sides[:3] + sides[3:]) / 2
        shown = image.flatten(1)[:, where].numpy()
        kept = under * drawing.flatten(1)[:, where].numpy()
        self._keys.append(_packed(sides))
        self._seen.append(((shown - under * (1 - over)) / over).clip(0, 1).T)
        self._drawn.append(np.abs(shown - kept).max(axis=0))
        self._darkness.append(darkness)

    def colours(self) -> InkColours | None:
        """Return what the keyframes show, or None where they show all lines as drawn."""
        if not self._keys:
            return None
        keys, groups, counts = np.unique(np.concatenate(self._keys), return_inverse=True, return_counts=True)
        order = np.argsort(groups, kind="stable")
        borders = np.cumsum(counts)[:-1]
        seen, away = (np.split(np.concatenate(kind)[order], borders) for kind in (self._seen, self._drawn))
        enough = np.flatnonzero(counts >= max(_FEWEST, _RAREST * counts.sum()))
        colours = np.array([np.median(seen[row], axis=0) for row in enough]).reshape(-1, 3)
        rows = zip(enough, colours, strict=True)
        spread = np.array([np.median(np.abs(seen[row] - colour).max(axis=1)) for row, colour in rows])
        drawn = np.array([np.median(away[row]) for row in enough]) <= np.maximum(_AS_DRAWN, spread)
        if drawn.all():
            return None
        darkness = float(np.median(self._darkness))
        return InkColours(_unpacked(keys[enough]), torch.from_numpy(colours), torch.from_numpy(drawn), darkness)


def _sides(paint: Tensor, lines: Tensor, where: Tensor) -> _Floats:
    """Return the paint ``[6, n]`` on both sides of the line at the pixels ``where``, row by row: the lighter first.

    One side is the nearest paper, the other the first paper straight across the line; of solid black both are the
    nearest.
    """
    width = lines.shape[1]
    blank, light = lines == 1, lines > _PAPER
    usual = 1.0 if 2 * blank.sum() > light.sum() else float(lines[light].median())
    paper = (lines > usual - _CLEAN).numpy()
    near = nearest(paper, where.numpy())
    here = np.stack(np.divmod(where.numpy(), width)).astype(np.float32)
    away = here - np.stack(np.divmod(near, width))
    across = _across(paper, here, _normals(lines, where, away))
    colours = paint.flatten(1).numpy()
    one, other = colours[:, near], colours[:, np.where(across < 0, near, across)]
    lighter = one.sum(axis=0) >= other.sum(axis=0)
    return np.where(lighter, np.concatenate((one, other)), np.concatenate((other, one)))


def _normals(lines: Tensor, where: Tensor, away: _Floats) -> _Floats:
    """Return unit vectors ``[2, n]`` (down, right) across the lines, on the side of ``away``; inside solid black, it.

    A thin line's nearest paper lies in one of eight directions only: the structure tensor knows better.
    """
    slopes = [cv2.Sobel(lines.numpy(), cv2.CV_32F, *way, ksize=3, scale=_PER_PIXEL) for way in ((0, 1), (1, 0))]
    products = slopes[0] * slopes[0], slopes[0] * slopes[1], slopes[1] * slopes[1]
    sums = (cv2.boxFilter(product, -1, (_TENSOR, _TENSOR), normalize=False) for product in products)
    down, both, right = (one.reshape(-1)[where.numpy()].astype(np.float64) for one in sums)
    larger = (down + right) / 2 + np.hypot((down - right) / 2, both)  # eigenvalue; below its vector, of two forms
    one, other = np.stack((larger - right, both)), np.stack((both, larger - down))
    normals = np.where(np.abs(one).sum(axis=0) >= np.abs(other).sum(axis=0), one, other)
    normals = normals / np.maximum(np.hypot(*normals), np.finfo(np.float64).tiny)
    normals = normals * np.where((normals * away).sum(axis=0) < 0, -1, 1)
    steep = larger > _FLAT
    vectors: _Floats = np.where(steep, normals, away / np.maximum(np.hypot(*away), 1)).astype(np.float32)
    return vectors


def _across(paper: npt.NDArray[np.bool_], here: _Floats, way: _Floats) -> _Whole:
    """Return the place of the first paper from ``here`` ``[2, n]`` on in the direction ``way``; -1: none is near."""
    height, width = paper.shape
    found = np.full(here.shape[1], -1, np.int64)
    going = np.flatnonzero(way.any(axis=0))
    for step in range(1, max(_LEAST_REACH, round(_REACH * max(height, width))) + 1):
        rows, columns = np.rint(here[:, going] + step * way[:, going]).astype(np.int64)
        inside = (rows >= 0) & (rows < height) & (columns >= 0) & (columns < width)
        going, places = going[inside], (rows * width + columns)[inside]
        there = paper.reshape(-1)[places]
        found[going[there]] = places[there]
        going = going[~there]
    return found


def _opacity(lines: Tensor, where: Tensor, darkness: float) -> Tensor:
    return ((1 - lines.flatten()[where]) / darkness).clamp(max=1)


def _packed(sides: _Floats) -> _Whole:
    levels = np.rint(sides * 255 / _STEP).astype(np.int64)
    packed: _Whole = (levels << (8 * np.arange(6))[:, None]).sum(axis=0)
    return packed


def _unpacked(keys: _Whole) -> Tensor:
    return torch.from_numpy((keys[:, None] >> (8 * np.arange(6))) & 255).float()
