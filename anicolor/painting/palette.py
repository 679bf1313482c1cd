"""The keyframes' exact colours: flat fills come out as the very colours that they were painted with."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt
import torch
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree
from torch import Tensor

from anicolor.lines.distance import nearest
from anicolor.painting.borders import PAPER, contacts, settle

__all__ = ["Palette", "PaletteSamples"]

_BLANK = 0.98  # drawings lighter than this show paint alone
_FLAT = 0.8  # of the paint is in few colours: shading is left as it is
_FEWEST, _RAREST = 8, 0.0001  # pixels, and share of the paint, that make a colour one of them
_NEAR = 0.03  # of each channel, on average: paint this close is meant to be the colour
_NEXT = np.ones((3, 3), np.uint8)
_BESIDE = np.ones((9, 9), np.uint8)  # pixels: lines so close to a patch lie on its paint
_SAME = 0.03  # of the distance in RGB: pixels of a keyframe this close show the colour, however few they are
_STEP = 0.02  # of the distance in RGB: a gradient goes in steps as small as this
_MOST = 200  # families: with more, the paint is shaded after all, and borders say nothing
_REACHES = (1, 2, 3, 5, 7)  # pixels: what is painted with soft borders touches across them
_SEEN = 2  # contacts make two colours touch
_MOST_STEPS = 2000  # colours in them: with more, they would take too long
_DEPTH = 65535

_Whole = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Palette:
    """The colours ``[N, 3]`` in [0, 1] of a shot that is painted flat.

    ``families`` ``[N]`` tells which of them are steps of one gradient (a flat colour is a family of its own), and
    ``touching`` ``[F, F]`` which families the keyframes show beside each other without a line between.
    """

    colours: Tensor
    families: _Whole
    touching: npt.NDArray[np.bool_]

    def flatten(self, paint: Tensor, drawing: Tensor) -> Tensor:
        """Return ``paint`` ``[3, H, W]`` with what is close to one of the colours in exactly that colour.

        And without smears: where two colours touch on the open paper of ``drawing`` ``[3, H, W]`` that no keyframe
        shows so, the smaller patch gives way, whatever it was painted in, and the paint under the lines at its border
        with it.
        """
        distance, labels = self._nearest(paint)
        snapped = torch.where(distance <= _NEAR * 3**0.5, self._painted(labels), paint)
        if len(self.touching) > _MOST or len(self.colours) > _MOST_STEPS:
            return snapped
        paper = (drawing.amin(dim=0) > PAPER).numpy()
        shown = self.families[labels.numpy()]
        settled = settle(shown, paper, paint.numpy(), self.colours.double().numpy(), self.families, self.touching)
        moved = settled != shown
        if not moved.any():
            return snapped
        flat, given = snapped.flatten(1).clone(), paint.flatten(1)
        for family in np.unique(settled[moved]).tolist():
            there = torch.from_numpy(np.flatnonzero(moved & (settled == family)))
            colours = self.colours[torch.from_numpy(self.families == family)]
            flat[:, there] = colours[torch.from_numpy(_nearest(colours, given[:, there].T)[1])].T
        under = np.flatnonzero((cv2.dilate(moved.astype(np.uint8), _BESIDE) > 0) & ~paper)
        flat[:, torch.from_numpy(under)] = flat[:, torch.from_numpy(nearest(paper).ravel()[under])]
        flat = flat.view_as(paint)
        return torch.where(torch.from_numpy(moved) & _between(paint, flat), paint, flat)

    def _painted(self, labels: Tensor) -> Tensor:
        """Return the colours ``[3, H, W]`` of ``labels`` ``[H, W]``."""
        return self.colours.T[:, labels.flatten()].view(3, *labels.shape)

    def _nearest(self, paint: Tensor) -> tuple[Tensor, Tensor]:
        """Return how far the nearest colour is, and which it is, ``[H, W]`` each."""
        distance, labels = _nearest(self.colours, paint.flatten(1).T)
        return torch.from_numpy(distance).view(paint.shape[1:]), torch.from_numpy(labels).view(paint.shape[1:])


class PaletteSamples:
    """Collects the colours of a shot's keyframes, one after the other."""

    def __init__(self) -> None:
        self._counts: Counter[int] = Counter()
        self._contacts: Counter[tuple[int, int]] = Counter()
        self._seen = 0

    def add(self, image: Tensor, drawing: Tensor) -> None:
        """Look at a keyframe ``[3, H, W]`` and its drawing of the same shape."""
        levels: _Whole = np.rint(image.flatten(1).numpy() * _DEPTH).astype(np.int64)
        keys, which = np.unique((levels << (16 * np.arange(3))[:, None]).sum(axis=0), return_inverse=True)
        blank = (drawing > _BLANK).all(dim=0).flatten().numpy()
        counts = np.bincount(which[blank], minlength=len(keys))
        often = counts >= max(_FEWEST, _RAREST * blank.sum())  # what is rare everywhere is rare
        self._counts.update(dict(zip(keys[often].tolist(), counts[often].tolist(), strict=True)))
        self._seen += int(blank.sum())
        if often.any():
            distance, row = _nearest(_unpacked(keys[often]), _unpacked(keys))
            shown = row[which].reshape(drawing.shape[1:])
            exact = (distance < _SAME)[which].reshape(shown.shape)
            field = shown.astype(np.float32)
            inside = cv2.erode(field, _NEXT) == cv2.dilate(field, _NEXT)
            shown[~(exact | inside)] = -1  # only smooths a border
            self._touch(keys[often], shown, (drawing.amin(dim=0) > PAPER).numpy())

    def _touch(self, keys: _Whole, shown: _Whole, paper: npt.NDArray[np.bool_]) -> None:
        """Count what touches in a keyframe that shows the rows ``shown`` ``[H, W]`` of ``keys`` ``[N]``, or -1."""
        found = np.concatenate([contacts(shown, paper, reach) for reach in _REACHES])
        pairs, counts = np.unique(found[found[:, 0] >= 0], axis=0, return_counts=True)
        for (a, b), count in zip(keys[pairs].tolist(), counts.tolist(), strict=True):
            self._contacts[min(a, b), max(a, b)] += count

    def colours(self) -> Palette | None:
        """Return the palette, or None where the keyframes are shaded or show no paint."""
        kept = [key for key, count in self._counts.items() if count >= _RAREST * self._seen]
        if not kept or sum(self._counts[key] for key in kept) < _FLAT * self._seen:
            return None
        colours = _unpacked(np.array(kept, np.int64))
        steps = cKDTree(colours).query_pairs(_STEP, output_type="ndarray")
        edges = coo_array((np.ones(len(steps)), steps.T), shape=(len(kept), len(kept)))
        count, families = connected_components(edges, directed=False)
        touching = np.zeros((count, count), dtype=bool)
        shown = np.array(list(self._contacts), np.int64)[[n >= _SEEN for n in self._contacts.values()]]
        for pair in families[_nearest(colours, _unpacked(shown.ravel()))[1].reshape(-1, 2)]:
            touching[tuple(pair)] = touching[tuple(pair[::-1])] = True
        return Palette(colours, families.astype(np.int64), touching)


def _between(paint: Tensor, flat: Tensor) -> Tensor:
    """Return where ``paint`` ``[3, H, W]`` is a step from one colour of ``flat`` to the next: what smooths a border."""
    colours = flat.permute(1, 2, 0).numpy()
    darkest, brightest = (torch.from_numpy(reach(colours, _NEXT)).permute(2, 0, 1) for reach in (cv2.erode, cv2.dilate))
    return ((paint > darkest - _STEP) & (paint < brightest + _STEP)).all(dim=0)


def _nearest(colours: Tensor, points: Tensor) -> tuple[npt.NDArray[np.float64], _Whole]:
    """Return for each of ``points`` ``[M, 3]`` how far the nearest of ``colours`` ``[N, 3]`` is, and which."""
    distance, row = cKDTree(colours).query(points, workers=-1)
    return distance, row.astype(np.int64)


def _unpacked(keys: _Whole) -> Tensor:
    """Return the colours ``[N, 3]`` of ``keys`` ``[N]``."""
    levels = (keys[:, None] >> (16 * np.arange(3))) & _DEPTH
    return torch.from_numpy(levels).float() / _DEPTH
