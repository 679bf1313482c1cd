"""How lines look: as the keyframes show them, where that is not as the drawing has it.

Departments draw in black and paint lines brown, or in the colour of what they bound; trace lines vanish in the paint;
soft edges hide more of one fill than of the other. What becomes of a pixel of a line follows from the drawing around it
and from the paint on both sides, as at the pixels of the keyframes that are most like it
(docs/decisions/0018-lines-like-those-of-keyframes.md).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import torch
from scipy.spatial import cKDTree
from torch import Tensor

from anicolor.lines.distance import nearest

__all__ = ["InkColours", "InkSamples"]

_PAPER = 0.5  # what is lighter than this is paper, or the soft edge of a line
_CLEAN, _DEVIATIONS = 0.02, 3  # paper this much darker than most has ink mixed in; of uneven paper, so many deviations
_OPAQUE = 0.65  # of the darkness of ink: from this on nothing shows through
_REACH, _LEAST_REACH = 0.02, 8  # of the longer side, pixels: the widest line
_TENSOR, _FLAT = 5, 1e-4  # pixels; the least eigenvalue of a border
_PER_PIXEL = 1 / 20  # of Sobel's slopes: their sums over the window stay below 1
_AS_DRAWN = 8 / 255  # closer than this to the drawing's own colour the ink is as drawn
_FEWEST, _RAREST = 4, 0.002  # pixels, and their share of all: less is chance
_NOISE = 0.05  # paper this dark is no ink
_DARKER, _BLACK = 0.1, 0.25  # than what is around it, or than this: ink of a keyframe
_FURTHEST = 0.01  # of the longer side: a keyframe that lies further beside its drawing is of another one
_BETTER = 0.7  # times as much beside the lines: it was worth moving
_OTHERS = 0.11  # of the opaque ink: to 0.1 in place, from 0.12 a pixel off
_PATCH = 5  # pixels a side of what is seen of a drawing
_HERE, _BESIDE, _AROUND, _PAINT = 1.2, 0.5, 0.3, 1.5  # what a pixel counts, those beside it, those around, and paint
_AXES = 16
_CHANNELS = 3 + _PATCH**2 - 1 + 6
_SAMPLES = 60_000  # pixels of a shot
_SAME = 0.02  # along each axis: pixels closer than this are one point
_NEIGHBOURS = 4
_ROUGHLY = 2.0  # what is found may be further than the nearest by so many times its distance
_STRANGE = 0.7  # further than this the nearest are looked for exactly
_EXACT = 1e-3  # squared distances below this are all the same

_Floats = npt.NDArray[np.float32]
_Flags = npt.NDArray[np.bool_]
_Whole = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class InkColours:
    """What the lines of a shot look like in its keyframes.

    A pixel of a line is a point: the drawing around it, and the paint on both its sides, less the ``mean`` ``[D]``,
    along the ``axes`` ``[D, d]`` that tell most. ``points`` holds those of the keyframes.
    """

    mean: _Floats
    axes: _Floats
    points: cKDTree
    off: _Floats
    """``[N, 3]``: how much lighter than the drawing multiplied with the paint each of them is in its keyframe."""
    darkness: float
    """Of the drawing where it is opaque ink, above 0 to 1: pencil is grey."""

    def lay(self, drawing: Tensor, paint: Tensor) -> Tensor:
        """Return the frame ``[3, H, W]``: the lines of ``drawing`` ``[3, H, W]`` over ``paint`` ``[3, H, W]``.

        Opaque ink that the keyframes show as drawn is the drawing's own, unchanged.
        """
        clean, paper = _on_white(drawing)
        frame = paint * clean
        where = (~paper).flatten().nonzero()[:, 0]
        if not len(where) or not paper.any():
            return paint * drawing
        seen = _seen(clean, paint, paper, where)
        off = self._off((seen - self.mean) @ self.axes)
        laid = (_laid(clean, seen, where) + torch.from_numpy(off.T.astype(np.float32))).clamp(0, 1)
        opaque = clean.amin(dim=0).flatten()[where].numpy() <= 1 - _OPAQUE * self.darkness
        own = torch.from_numpy(opaque & (np.abs(off).max(axis=1) < _AS_DRAWN))
        frame.flatten(1)[:, where] = torch.where(own, (paint * drawing).flatten(1)[:, where], laid)
        return frame

    def _off(self, points: npt.NDArray[np.floating[Any]]) -> _Floats:
        """Return how far off those ``points`` ``[n, d]`` are, ``[n, 3]``, that are nearest, on average."""
        points, which = _distinct(points)
        far, rows = self.points.query(points, k=_NEIGHBOURS, eps=_ROUGHLY)
        strange = far[:, 0] > _STRANGE
        far[strange], rows[strange] = self.points.query(points[strange], k=_NEIGHBOURS)
        rows[np.isinf(far)] = 0  # there are fewer: these count nothing
        share = 1 / (np.square(far) + _EXACT)
        mean: _Floats = np.einsum("nk,nkc->nc", share / share.sum(axis=1, keepdims=True), self.off[rows])
        return mean[which]


class InkSamples:
    """Collects the lines of a shot's keyframes, one after the other; of many pixels it keeps some, at random."""

    def __init__(self) -> None:
        self._seen = np.empty((0, _CHANNELS), np.float32)
        self._off = np.empty((0, 3), np.float32)
        self._ranks = np.empty(0, np.float64)
        self._random = np.random.default_rng(0)
        self._darkness: list[float] = []

    def add(self, image: Tensor, paint: Tensor, drawing: Tensor) -> None:
        """Look at a keyframe, at the paint that the finish makes of it, and at its drawing, ``[3, H, W]`` each.

        A keyframe whose lines lie a little beside the drawing's is moved onto it; one whose lines lie elsewhere says
        nothing of them.
        """
        drawing, paper = _on_white(drawing)
        lines = drawing.amin(dim=0)
        marks = 1 - lines[lines < 1 - _NOISE]
        if not len(marks) or not paper.any():
            return
        darkness = float(np.percentile(marks.numpy(), 90))
        shown = _registered(image, lines, lines <= 1 - _OPAQUE * darkness, paper)
        if shown is None:
            return
        where = (~paper).flatten().nonzero()[:, 0]
        if len(where) > _SAMPLES:
            where = where[torch.from_numpy(np.sort(self._random.permutation(len(where))[:_SAMPLES]))]
        seen = _seen(drawing, paint, paper, where)
        off = shown.flatten(1)[:, where] - _laid(drawing, seen, where)
        ranks = np.concatenate((self._ranks, self._random.random(len(where))))
        kept = np.sort(ranks.argsort()[:_SAMPLES])
        self._seen = np.concatenate((self._seen, seen))[kept]
        self._off = np.concatenate((self._off, off.T.numpy()))[kept]
        self._ranks = ranks[kept]
        self._darkness.append(darkness)

    def colours(self) -> InkColours | None:
        """Return what the keyframes show, or None where they show all lines as drawn."""
        other = int((np.abs(self._off).max(axis=1, initial=0) >= _AS_DRAWN).sum())
        if other < max(_FEWEST, _RAREST * len(self._off)):
            return None
        mean = self._seen.mean(axis=0)
        axes = np.linalg.eigh(np.cov(self._seen - mean, rowvar=False))[1][:, : -_AXES - 1 : -1].astype(np.float32)
        points, which = _distinct((self._seen - mean) @ axes)
        count = np.bincount(which)
        off = np.stack([np.bincount(which, channel) / count for channel in self._off.T], axis=1)
        tree = cKDTree(points, balanced_tree=False)  # found in half of the time
        return InkColours(mean, axes, tree, off.astype(np.float32), float(np.median(self._darkness)))


def _distinct(points: npt.NDArray[np.floating[Any]]) -> tuple[npt.NDArray[np.floating[Any]], _Whole]:
    """Return the distinct ``points`` ``[n, d]``, and for each of them all which it is, ``[n]``.

    Solid black is thousands of times the same, which a tree could not part.
    """
    cells = np.rint(points / _SAME).astype(np.int64)
    marks = np.random.default_rng(0).integers(1, 2**62, points.shape[1])  # sums of their multiples differ
    _, first, which = np.unique(cells @ marks, return_index=True, return_inverse=True)
    return points[first], which.reshape(-1)


def _registered(image: Tensor, lines: Tensor, opaque: Tensor, paper: Tensor) -> Tensor | None:
    """Return a keyframe ``image`` ``[3, H, W]``, moved so that its lines lie on the drawing's; None: it has others.

    ``lines``, and where they are ``opaque`` and the ``paper`` clean, are ``[H, W]``.
    """
    solid, clean = opaque.numpy(), paper.numpy()
    if not solid.any() or min(solid.shape) == 1:
        return image
    within = cv2.distanceTransform((~clean).astype(np.uint8), cv2.DIST_L2, 3)
    reach = min(2 * round(float(np.median(within[~clean]))) + 1, _LEAST_REACH)  # a line's width, on both sides
    places = [image]
    (right, down), _ = cv2.phaseCorrelate(_thin(image, reach), (1 - lines).numpy())
    if max(abs(down), abs(right)) <= 1 + _FURTHEST * max(solid.shape):
        places.append(torch.roll(image, (round(down), round(right)), dims=(1, 2)))
    beside = [_beside_lines(placed, reach, solid, clean) for placed in places]
    best = int(beside[-1] < _BETTER * beside[0])
    return places[best] if beside[best] < _OTHERS else None


def _thin(image: Tensor, reach: int) -> _Floats:
    """Return how much darker than what is around them the lines of ``image`` ``[3, H, W]`` are, ``[H, W]``."""
    around = np.ones((2 * reach + 1,) * 2, np.uint8)
    thin: _Floats = cv2.morphologyEx(image.mean(dim=0).numpy(), cv2.MORPH_BLACKHAT, around)
    return thin


def _beside_lines(image: Tensor, reach: int, solid: _Flags, clean: _Flags) -> float:
    """Return the share of a drawing's ``solid`` ink that a keyframe has not there, but on ``clean`` paper beside it.

    Or a third of what it has anywhere on such paper. Lines that are thicker in the keyframe, that it has more, or that
    vanish in its paint do not count.
    """
    thin = _thin(image, reach)
    dark = thin > _DARKER + 2 * np.median(thin[clean])  # grain is no line
    missing = solid & ~dark & (image.amax(dim=0) > _BLACK).numpy()
    strange = dark & clean
    near = cv2.dilate(strange.astype(np.uint8), np.ones((2 * reach + 1,) * 2, np.uint8)) > 0
    return float(max((near & missing).sum(), min(missing.sum(), strange.sum()) / 3) / solid.sum())


def _on_white(drawing: Tensor) -> tuple[Tensor, Tensor]:
    """Return a ``drawing`` ``[3, H, W]`` with its paper white, and where that is clean, ``[H, W]``."""
    lines = drawing.amin(dim=0)
    light = lines > _PAPER
    if not light.any():
        return drawing, light
    usual = drawing[:, light].median(dim=1).values
    white = (drawing / usual[:, None, None]).clamp(max=1)
    lines = white.amin(dim=0)
    uneven = 1.4826 * float((1 - lines[light]).median())  # a normal distribution's deviation from its median one
    return white, lines > 1 - max(_CLEAN, _DEVIATIONS * uneven)


def _seen(drawing: Tensor, paint: Tensor, paper: Tensor, where: Tensor) -> _Floats:
    """Return what is seen at the pixels ``where`` ``[n]``, ``[n, D]``: the drawing, the lines around, both sides."""
    reach, lines = _PATCH // 2, drawing.amin(dim=0)
    framed = cv2.copyMakeBorder(lines.numpy(), reach, reach, reach, reach, cv2.BORDER_REPLICATE)
    width = framed.shape[1]
    y, x = np.divmod(where.numpy(), lines.shape[1])
    first = y * width + x
    parts: list[npt.NDArray[np.floating[Any]]] = [_HERE * drawing.flatten(1)[:, where].numpy()]
    for down in range(_PATCH):
        for right in range(_PATCH):
            off = max(abs(down - reach), abs(right - reach))
            if off:
                weight = _BESIDE if off == 1 else _AROUND
                parts.append(weight * framed.reshape(-1)[None, first + down * width + right])
    parts.append(_PAINT * _sides(paint, lines, paper.numpy(), where))
    return np.concatenate(parts).T.astype(np.float32)


def _laid(drawing: Tensor, seen: _Floats, where: Tensor) -> Tensor:
    """Return the ``drawing`` multiplied with the paint that is nearest on paper, ``[3, n]``."""
    return torch.from_numpy(seen[:, -6:-3].T / _PAINT) * drawing.flatten(1)[:, where]


def _sides(paint: Tensor, lines: Tensor, paper: _Flags, where: Tensor) -> _Floats:
    """Return the paint ``[6, n]`` on both sides of the line at the pixels ``where``, row by row: the nearer first.

    One side is the nearest paper, the other the first paper straight across the line; of solid black both are the
    nearest.
    """
    width = lines.shape[1]
    near = nearest(paper, where.numpy())
    here = np.stack(np.divmod(where.numpy(), width)).astype(np.float32)
    away = here - np.stack(np.divmod(near, width))
    across = _across(paper, here, _normals(lines, where, away))
    colours = paint.flatten(1).numpy()
    return np.concatenate((colours[:, near], colours[:, np.where(across < 0, near, across)]))


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


def _across(paper: _Flags, here: _Floats, way: _Floats) -> _Whole:
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
