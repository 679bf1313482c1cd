"""Where two fills touch without a line between them.

In a flat painting a colour ends at a line, or beside the few colours that are painted against it without one: a fill
and its shadow. The keyframes show which they are; elsewhere a border on open paper is a smear of the network's.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from skimage.measure import label

__all__ = ["CLEAN", "PAPER", "contacts", "settle"]

PAPER = 0.8
"""A drawing lighter than this is open paper."""

CLEAN = 0.98
"""A drawing lighter than this has nothing of a line, and shows paint alone."""

_REACHES = (1, 3)  # pixels: side by side, and on both sides of the pixels between two colours
_ENCLOSED = 0.17  # of a patch's round: so much against one that it may not touch, and it gives way
_MOSTLY = 0.5  # of what it touches of larger ones: with less it lies where it may
_FAR = 0.1  # of the squared distance to the colour that it would take: another one must be nearer than this
_ROUNDS = 4
_AT_ONCE = 4096  # patches: times as many colours
_GRAIN = 50_000  # patches: with more, the paint is grain, and none of them is a smear

_Whole = npt.NDArray[np.int64]
_Flags = npt.NDArray[np.bool_]
_Real = npt.NDArray[np.float64]


def contacts(labels: npt.NDArray[np.integer[Any]], paper: _Flags, reach: int) -> _Whole:
    """Return the pairs ``[M, 2]`` of different ``labels`` ``[H, W]`` that are ``reach`` pixels apart, smaller first.

    In a row or in a column, with nothing but ``paper`` ``[H, W]`` from one to the other.
    """
    pairs = []
    for field, open_ in ((labels, paper), (labels.T, paper.T)):
        there = max(len(field) - reach, 0)
        near, far = field[:there], field[reach:]
        apart = near != far
        for step in range(reach + 1):
            apart &= open_[step : there + step]
        pairs.append(np.stack((near[apart], far[apart]), axis=1))
    return np.sort(np.concatenate(pairs).astype(np.int64), axis=1)


def settle(labels: _Whole, paper: _Flags, paint: _Real, colours: _Real, families: _Whole, touching: _Flags) -> _Whole:
    """Return families ``labels`` ``[H, W]`` whose borders on ``paper`` ``[H, W]`` are ``touching`` ``[F, F]``.

    ``families`` ``[N]`` tells which one each of the ``colours`` ``[N, 3]`` is of. A patch with a sixth of its round,
    and half of what it touches, against larger ones that it may not touch takes the family of most of them, or one that
    may touch them all and is far nearer to its ``paint`` ``[3, H, W]``. What is not on paper stays, and so does grain.
    """
    patches = label(np.where(paper, labels + 1, 0).astype(np.int32), connectivity=1, background=0).astype(np.int32)
    if patches.max() > _GRAIN:
        return labels
    graph = _Patches.of(patches, labels)
    member = np.arange(len(graph.areas))
    for _ in range(_ROUNDS):
        giving = graph.giving(touching)
        if not giving.any():
            break
        moved = graph.settled(giving, _means(giving, member, patches, paint), colours, families, touching)
        if np.array_equal(moved, graph.families):
            break
        graph, onward = graph.merged(moved)
        member = onward[member]
    return np.where(paper, graph.families[member][patches], labels)


@dataclass(frozen=True, eq=False)
class _Patches:
    """Patches of one family on open paper, the first of them all that is none; and how they touch."""

    areas: _Real
    """``[P]``, pixels."""
    families: _Whole
    """``[P]``."""
    pairs: _Whole
    """``[E, 2]``: patches that touch, each pair once."""
    lengths: _Real
    """``[E, 2]``: pixels of contact at both reaches."""

    @classmethod
    def of(cls, patches: npt.NDArray[np.int32], labels: _Whole) -> _Patches:
        flat, count = patches.ravel(), int(patches.max()) + 1
        families = np.zeros(count, np.int64)
        families[flat] = labels.ravel()
        found = [contacts(patches, patches > 0, reach) for reach in _REACHES]
        lengths = np.repeat(np.diag(1 / np.array(_REACHES)), [len(pairs) for pairs in found], axis=0)
        areas = np.bincount(flat, minlength=count).astype(np.float64)
        return cls(areas, families, *_gathered(np.concatenate(found), lengths))

    def giving(self, touching: _Flags) -> _Flags:
        """Return which patches ``[P]`` lie too much against larger ones that they may not touch."""
        small, _, wrong = self._beside(touching)
        against = np.bincount(small, wrong, len(self.areas))
        beside_any = np.bincount(small, self.lengths.max(axis=1), len(self.areas))
        rounds = 2 * np.sqrt(np.pi * self.areas)
        found: _Flags = (against > 0) & (against >= _ENCLOSED * rounds) & (against >= _MOSTLY * beside_any)
        return found

    def settled(self, giving: _Flags, means: _Real, colours: _Real, families: _Whole, touching: _Flags) -> _Whole:
        """Return the families ``[P]`` after one round: the ``giving`` ``[P]`` ones take another.

        ``means`` ``[n, 4]`` are those of their paint's channels, and of the sum of their squares.
        """
        small, beside, wrong = self._beside(touching)
        may = touching | np.eye(len(touching), dtype=bool)
        chosen = self.families.copy()
        order = np.argsort(small, kind="stable")
        order = order[giving[small[order]]]
        where = np.flatnonzero(giving)
        for some in range(0, len(where), _AT_ONCE):
            these = where[some : some + _AT_ONCE]
            of = order[slice(*np.searchsorted(small[order], (these[0], these[-1] + 1)))]
            row = np.searchsorted(these, small[of])
            votes = np.zeros((len(these), len(touching)))
            forbidden = np.zeros_like(votes, dtype=bool)
            np.add.at(votes, (row, beside[of]), wrong[of])
            np.logical_or.at(forbidden, row, ~may[beside[of]])
            taken = votes.argmax(axis=1)
            far = _distances(means[some : some + _AT_ONCE], colours, families)
            other = np.where(forbidden, np.inf, far).argmin(axis=1)
            rows = np.arange(len(these))
            better = ~forbidden[rows, other] & (far[rows, other] < _FAR * far[rows, taken])
            chosen[these] = np.where(better, other, taken)
        return chosen

    def _beside(self, touching: _Flags) -> tuple[_Whole, _Whole, _Real]:
        """Return of each pair the smaller patch, the family of the larger, and their contact if they may not touch."""
        larger = self.areas[self.pairs[:, 1]] >= self.areas[self.pairs[:, 0]]
        small, large = np.where(larger[:, None], self.pairs, self.pairs[:, ::-1]).T
        may = touching | np.eye(len(touching), dtype=bool)
        beside = self.families[large]
        return small, beside, np.where(may[self.families[small], beside], 0, self.lengths.max(axis=1))

    def merged(self, families: _Whole) -> tuple[_Patches, _Whole]:
        """Return the patches as these ``families``, those of one side by side made one; and what each is in."""
        count = len(families)
        side_by_side = (self.lengths[:, 0] > 0) & (families[self.pairs[:, 0]] == families[self.pairs[:, 1]])
        a, b = self.pairs[side_by_side].T
        _, onward = connected_components(coo_array((np.ones(len(a)), (a, b)), shape=(count, count)), directed=False)
        fewer = int(onward.max()) + 1
        areas = _sums(onward, [self.areas], fewer)[:, 0]
        kept = np.zeros(fewer, np.int64)
        kept[onward] = families
        pairs = np.sort(onward[self.pairs], axis=1)
        apart = pairs[:, 0] != pairs[:, 1]
        gathered = _gathered(pairs[apart].astype(np.int64), self.lengths[apart])
        return _Patches(areas, kept, *gathered), onward


def _means(which: _Flags, member: _Whole, patches: npt.NDArray[np.int32], paint: _Real) -> _Real:
    """Return the means ``[n, 4]`` of channels and of the sum of their squares, in ``paint`` ``[3, H, W]``.

    Of the patches ``which`` ``[P]`` are asked for; ``member`` says what each of the ``patches`` ``[H, W]`` is part of.
    """
    there = np.flatnonzero(which[member][patches])
    row = (np.cumsum(which) - 1)[member[patches.ravel()[there]]]
    given = paint.reshape(3, -1)[:, there]
    sums = _sums(row, (*given, np.square(given).sum(axis=0)), int(which.sum()))
    return sums / np.bincount(row)[:, None]


def _distances(means: _Real, colours: _Real, families: _Whole) -> _Real:
    """Return the mean squared distances ``[n, F]`` of paint, by its ``means``, to the nearest of each family."""
    far = means[:, 3:] - 2 * means[:, :3] @ colours.T + np.square(colours).sum(axis=1)
    order = np.argsort(families, kind="stable")
    least: _Real = np.minimum.reduceat(
        far[:, order], np.searchsorted(families[order], range(families.max() + 1)), axis=1
    )
    return least


def _gathered(pairs: _Whole, lengths: _Real) -> tuple[_Whole, _Real]:
    """Return each of ``pairs`` ``[M, 2]`` once, with the sum of its ``lengths`` ``[M, 2]``."""
    width = int(pairs.max(initial=0)) + 1
    keys, which = np.unique(pairs[:, 0] * width + pairs[:, 1], return_inverse=True)
    return np.stack((keys // width, keys % width), axis=1), _sums(which, lengths.T, len(keys))


def _sums(rows: _Whole, columns: Iterable[_Real], count: int) -> _Real:
    """Return the sums ``[count, C]`` of ``columns`` (C of ``[n]``) over the ``rows`` ``[n]`` that each entry is of."""
    return np.stack([np.bincount(rows, column, count).astype(np.float64) for column in columns], axis=1)
