"""The keyframes' exact colours: flat fills come out as the very colours that they were painted with."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt
import torch
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree
from scipy.spatial.distance import cdist
from torch import Tensor

from anicolor.lines.distance import nearest
from anicolor.painting.borders import CLEAN, PAPER, contacts

__all__ = ["ColourModel", "Palette", "PaletteSamples"]

_FLAT = 0.8  # of the paint is in few colours: shading is left as it is
_FEWEST, _RAREST = 8, 0.0001  # pixels, and share of what is painted, that make a colour one of them
_LIKE = 0.05  # of the distance in RGB: what is this close to a frequent colour, and rare, is that one softened
_NEXT = np.ones((3, 3), np.uint8)
_SAME = 0.03  # of the distance in RGB: pixels of a keyframe this close show the colour, however few they are
_STEP = 0.02  # of the distance in RGB: a gradient goes in steps as small as this
_MOST = 200  # families: with more, the paint is shaded after all, and borders say nothing
_REACHES = (1, 2, 3, 5, 7)  # pixels: what is painted with soft borders touches across them
_SEEN = 2  # contacts make two colours touch
_FAR = 16 / 255 * 3**0.5  # of the distance in RGB: the eye sees that it is another colour
_OTHER = 1.5 / 255  # of the distance in RGB: one level in one channel is rounding
_MOST_STEPS = 2000  # colours in them: with more, they would take too long
_FEW = 64  # colours
_DEPTH = 65535
_BYTES = np.array([0, 8, 16], np.int32)

_Whole = npt.NDArray[np.int64]
_Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Palette:
    """The colours ``[N, 3]`` in [0, 1] of a shot that is painted flat.

    ``families`` ``[N]`` tells which of them are steps of one gradient (a flat colour is a family of its own), and
    ``touching`` ``[F, F]`` which families the keyframes show beside each other without a line between.
    """

    colours: Tensor
    families: _Whole
    touching: npt.NDArray[np.bool_]

    @property
    def borders_known(self) -> bool:
        """Whether what touches in the keyframes says anything: with too many colours everything touches."""
        return len(self.touching) <= _MOST and len(self.colours) <= _MOST_STEPS

    def nearest(self, paint: Tensor) -> tuple[npt.NDArray[np.float32], _Whole]:
        """Return how far the nearest colour is from ``paint`` ``[3, H, W]``, and which it is, ``[H, W]`` each."""
        return _nearest_of_frame(self.colours, paint)

    def of_family(self, families: _Whole, paint: Tensor) -> Tensor:
        """Return for each of ``paint`` ``[3, n]`` the nearest colour ``[3, n]`` of the family ``[n]`` it is to have."""
        first = np.zeros(len(self.touching), np.int64)
        first[self.families[::-1]] = np.arange(len(self.families))[::-1]
        rows = first[families]
        sizes = np.bincount(self.families, minlength=len(self.touching))
        for family in np.unique(families[sizes[families] > 1]).tolist():
            there = np.flatnonzero(families == family)
            steps = np.flatnonzero(self.families == family)
            given = paint[:, torch.from_numpy(there)].T
            rows[there] = steps[_nearest(self.colours[torch.from_numpy(steps)], given)[1]]
        return self.colours.T[:, torch.from_numpy(rows)]


@dataclass(frozen=True, eq=False)
class ColourModel:
    """The colours ``[N, 3]`` in [0, 1] that a department paints a figure with; white, the key for paper, is one."""

    colours: Tensor

    @classmethod
    def of(cls, colours: Iterable[tuple[float, float, float]]) -> ColourModel:
        """Return the model of these ``colours``, red, green and blue in [0, 1], and white."""
        return cls(torch.tensor(sorted({*colours, (1.0, 1.0, 1.0)})))

    def locked(self, paint: Tensor, palette: Palette | None = None) -> tuple[Tensor, int]:
        """Return ``paint`` ``[3, H, W]`` in the nearest of the colours, and how many pixels had to move far for it.

        Where it is painted flat in a ``palette``, what is none of that palette's colours mixes two at a border: it
        takes the colour of the nearest that is one.
        """
        distance, rows = _nearest_of_frame(self.colours, paint)
        if palette is not None:
            exact = palette.nearest(paint)[0] < _OTHER
            if exact.any():
                rows = rows.ravel()[nearest(exact)]
                distance = np.where(exact, distance, 0)
        return self.colours.T[:, torch.from_numpy(rows)], int((distance > _FAR).sum())

    def strangers(self, image: Tensor, drawing: Tensor) -> tuple[tuple[tuple[int, int, int], int], ...]:
        """Return the colours (in levels) of a keyframe's fills that are not in the model, and the pixels of each.

        ``image`` and ``drawing`` are ``[3, H, W]``; the most frequent come first.
        """
        keys, which, blank = _looked_at((image * 255).round() / 255, drawing)
        counts, solid, painted = _counted(which, blank, len(keys))
        shown = _meant(_unpacked(keys), counts, solid, painted, int(blank.sum()))
        levels, counts = np.rint(_unpacked(keys[shown]).numpy() * 255).astype(np.int64), counts[shown]
        distance, _ = _nearest(self.colours, torch.from_numpy(levels).float() / 255)
        order = [row for row in np.argsort(-counts, kind="stable") if distance[row] > _OTHER]
        return tuple(((int(r), int(g), int(b)), int(counts[row])) for row in order for r, g, b in [levels[row]])


class PaletteSamples:
    """Collects the colours of a shot's keyframes, one after the other."""

    def __init__(self) -> None:
        self._counts: Counter[int] = Counter()
        self._contacts: Counter[tuple[int, int]] = Counter()
        self._solid: set[int] = set()
        self._seen = self._painted = 0

    def add(self, image: Tensor, drawing: Tensor) -> None:
        """Look at a keyframe ``[3, H, W]`` and its drawing of the same shape."""
        keys, which, blank = _looked_at(image, drawing)
        counts, solid, painted = _counted(which, blank, len(keys))
        seen = int(blank.sum())
        meant = _meant(_unpacked(keys), counts, solid, painted, seen)
        self._counts.update(dict(zip(keys[meant].tolist(), counts[meant].tolist(), strict=True)))
        self._solid.update(keys[meant & solid].tolist())
        self._seen += seen
        self._painted += painted
        if meant.any():
            distance, row = _nearest(_unpacked(keys[meant]), _unpacked(keys))
            shown = row[which]
            exact = (distance < _SAME)[which]
            field = shown.astype(np.float32)
            inside = cv2.erode(field, _NEXT) == cv2.dilate(field, _NEXT)
            shown[~(exact | inside)] = -1  # only smooths a border
            self._touch(keys[meant], shown, (drawing.amin(dim=0) > PAPER).numpy())

    def _touch(self, keys: _Whole, shown: _Whole, paper: npt.NDArray[np.bool_]) -> None:
        """Count what touches in a keyframe that shows the rows ``shown`` ``[H, W]`` of ``keys`` ``[N]``, or -1."""
        found = np.concatenate([contacts(shown, paper, reach) for reach in _REACHES])
        pairs, counts = np.unique(found[found[:, 0] >= 0], axis=0, return_counts=True)
        for (a, b), count in zip(keys[pairs].tolist(), counts.tolist(), strict=True):
            self._contacts[min(a, b), max(a, b)] += count

    def colours(self) -> Palette | None:
        """Return the palette, or None where the keyframes are shaded or show no paint."""
        kept = self._kept()
        if not len(kept) or sum(self._counts[key] for key in kept.tolist()) < _FLAT * self._seen:
            return None
        colours = _unpacked(kept)
        steps = cKDTree(colours).query_pairs(_STEP, output_type="ndarray")
        edges = coo_array((np.ones(len(steps)), steps.T), shape=(len(kept), len(kept)))
        count, families = connected_components(edges, directed=False)
        touching = np.zeros((count, count), dtype=bool)
        shown = np.array(list(self._contacts), np.int64)[[n >= _SEEN for n in self._contacts.values()]]
        for pair in families[_nearest(colours, _unpacked(shown.ravel()))[1].reshape(-1, 2)]:
            touching[tuple(pair)] = touching[tuple(pair[::-1])] = True
        return Palette(colours, families.astype(np.int64), touching)

    def _kept(self) -> _Whole:
        """Return the keys of the palette's colours: what is rare in all keyframes together is rare."""
        keys = np.array(list(self._counts), np.int64)
        counts = np.array(list(self._counts.values()), np.int64)
        solid = np.array([key in self._solid for key in self._counts], dtype=bool)
        return keys[_meant(_unpacked(keys), counts, solid, self._painted, self._seen)]


def _looked_at(image: Tensor, drawing: Tensor) -> tuple[_Whole, _Whole, _Flags]:
    """Return the colours of a keyframe ``[3, H, W]`` by their keys ``[N]``, and for each pixel its row among them.

    And which pixels of its ``drawing`` are blank: all ``[H, W]``.
    """
    levels: _Whole = np.rint(image.flatten(1).numpy() * _DEPTH).astype(np.int64)
    keys, which = np.unique((levels << (16 * np.arange(3))[:, None]).sum(axis=0), return_inverse=True)
    return keys, which.reshape(image.shape[1:]), (drawing > CLEAN).all(dim=0).numpy()


def _counted(which: _Whole, blank: _Flags, colours: int) -> tuple[_Whole, _Flags, int]:
    """Return how many ``blank`` pixels show each of the ``colours``, ``[N]``, and which fill a square of four, ``[N]``.

    And how many of the pixels are painted: all that do not show the most frequent colour, the paper.
    """
    counts = np.bincount(which[blank], minlength=colours)
    shown = np.where(blank, which, -1)
    corner, right, below, across = shown[:-1, :-1], shown[:-1, 1:], shown[1:, :-1], shown[1:, 1:]
    square = (corner >= 0) & (corner == right) & (corner == below) & (corner == across)
    solid = np.bincount(corner[square], minlength=colours) > 0
    return counts, solid, int(counts.sum() - counts.max(initial=0))


def _meant(colours: Tensor, counts: _Whole, solid: _Flags, painted: int, seen: int) -> _Flags:
    """Return which ``colours`` ``[N, 3]`` were painted on purpose, by how many pixels show them, ``[N]``.

    Those that are not rare among the pixels ``seen``; and, a small thing on a large page, those that are not rare among
    the ``painted`` ones, if they are ``solid`` and like no frequent one: a softened border is painted in what is not.
    """
    often = counts >= max(_FEWEST, _RAREST * seen)
    small = ~often & solid & (counts >= max(_FEWEST, _RAREST * painted))
    if often.any() and small.any():
        small[small] = _nearest(colours[torch.from_numpy(often)], colours[torch.from_numpy(small)])[0] > _LIKE
    found: _Flags = often | small
    return found


def _nearest_of_frame(colours: Tensor, paint: Tensor) -> tuple[npt.NDArray[np.float32], _Whole]:
    """Return how far the nearest colour is from ``paint`` ``[3, H, W]``, and which it is, ``[H, W]`` each.

    Paint counts in steps of 8 bits: a frame has few of them, and each is looked up once.
    """
    packed = np.zeros((*paint.shape[1:], 4), np.uint8)
    for channel, values in enumerate(paint.contiguous().numpy()):
        packed[..., channel] = cv2.convertScaleAbs(values, alpha=255)
    keys = packed.view("<u4")[..., 0]
    there = np.zeros(1 << 24, dtype=bool)
    there[keys] = True
    found = np.flatnonzero(there)
    points = torch.from_numpy((found[:, None] >> _BYTES) & 255).float() / 255
    distance, rows = _nearest(colours, points)
    place = np.empty(len(there), np.int32)
    place[found] = np.arange(len(found))
    shown = place[keys]
    return distance.astype(np.float32)[shown], rows[shown]


def _nearest(colours: Tensor, points: Tensor) -> tuple[npt.NDArray[np.float64], _Whole]:
    """Return for each of ``points`` ``[M, 3]`` how far the nearest of ``colours`` ``[N, 3]`` is, and which."""
    if len(colours) <= _FEW:  # a tree takes longer
        far = cdist(points, colours)
        row = far.argmin(axis=1)
        return far[np.arange(len(far)), row], row
    distance, row = cKDTree(colours).query(points, workers=-1)
    return distance, row.astype(np.int64)


def _unpacked(keys: _Whole) -> Tensor:
    """Return the colours ``[N, 3]`` of ``keys`` ``[N]``."""
    levels = (keys[:, None] >> (16 * np.arange(3))) & _DEPTH
    return torch.from_numpy(levels).float() / _DEPTH
