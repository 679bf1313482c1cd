"""Whether a frame opens a shot, by how its change stands out from those around it.

A logistic regression weighs a few logarithms, their squares and products. Its weights are fitted by
``benchmarks/cuts.py`` on drawn films, read in several ways.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import numpy as np
import numpy.typing as npt

__all__ = [
    "FEATURES",
    "REACH",
    "SHORTEST",
    "Regression",
    "Surroundings",
    "features",
    "probability",
    "stands_out",
    "terms",
]

Vector = npt.NDArray[np.float64]

REACH = 8
"""Frames on either side that are asked: drawings are held no longer in limited animation."""

SHORTEST = 4
"""Frames of the shortest shot: those next to a cut, on either side, are one less."""

FEATURES = (
    "change",
    "change over those next to it",
    "change over those of the calmer side",
    "change over others within reach",
    "change over others in a rhythm",
    "lesser change beside it over it",
    "change after the search",
    "change after the search over those next to it",
    "rearrangement",
    "rearrangement over those next to it",
    "rearrangement over those of the calmer side",
    "rearrangement over others within reach",
    "rearrangement over others in a rhythm",
)

_FAINT = 0.06  # less change is seldom a cut
_MOVED = 0.04  # or less rearrangement, where something large and still makes every change small
_NEARLY = 0.9  # of the largest next to it
_NEW, _ALONE = 0.5, 3.0  # of the picture is not found again, and so many times more than beside: no motion does that
_LEAST = 0.001  # nothing is less: so that logarithms have an end


@dataclass(frozen=True, eq=False)
class Surroundings:
    """What changes at a frame and around it.

    ``changes`` ``[17]`` are the changes without a search (:func:`anicolor.shots.structure.difference`) of the frames
    from 8 before it to 8 behind, 0 where there is none; ``rearranged`` ``[17]`` likewise. ``searched`` is the frame's
    own change after the search, ``beside`` the largest of those up to 3 frames from it, ``gap`` how many steps of
    motion the frame holds: more than one behind empty pages.
    """

    changes: Sequence[float]
    rearranged: Sequence[float]
    searched: float
    beside: float
    gap: int


@dataclass(frozen=True, eq=False)
class Regression:
    """A logistic regression on :func:`terms` of features about ``mean`` ``[13]`` over ``spread`` ``[13]``."""

    mean: Vector
    spread: Vector
    weights: Vector
    bias: float

    def probabilities(self, rows: Vector) -> Vector:
        """Return how likely each row of features ``[..., 13]`` is a cut."""
        odds = terms((rows - self.mean) / self.spread) @ self.weights + self.bias
        return np.asarray(1 / (1 + np.exp(-odds)))


def stands_out(changes: Sequence[float], rearranged: Sequence[float]) -> bool:
    """Say whether the frame in the middle of ``changes`` and ``rearranged`` ``[17]`` may open a shot; few do."""
    return any(
        values[REACH] >= least and values[REACH] >= _NEARLY * max(*_next_to(values))
        for values, least in ((changes, _FAINT), (rearranged, _MOVED))
    )


def probability(around: Surroundings) -> float:
    """Return how likely a frame opens a shot, among frames that stand out; 1 where no motion can be the reason."""
    if around.searched >= max(_NEW, _ALONE * around.beside * around.gap):
        return 1.0
    return float(_fitted().probabilities(features(around)))


def features(around: Surroundings) -> Vector:
    """Return the logarithms ``[13]`` that are weighed, in the order of :data:`FEATURES`."""
    change, moved = around.changes[REACH], around.rearranged[REACH]
    before, after = _next_to(around.changes)
    left, right = _next_to(around.rearranged)
    lesser = min(around.changes[REACH - 1], around.changes[REACH + 1])
    over = [
        (change, 1.0),
        (change, max(before, after) * around.gap),
        (change, min(before, after)),
        (change, _others(around.changes)),
        (change, _in_rhythm(around.changes)),
        (lesser, change),
        (around.searched, 1.0),
        (around.searched, around.beside * around.gap),
        (moved, 1.0),
        (moved, max(left, right)),
        (moved, min(left, right)),
        (moved, _others(around.rearranged)),
        (moved, _in_rhythm(around.rearranged)),
    ]
    ratios: Vector = np.log(np.maximum(over, _LEAST)) @ [1.0, -1.0]
    return ratios


def terms(features: Vector) -> Vector:
    """Return ``features`` ``[..., 13]``, then the products of any two of them: ``[..., 104]``."""
    rows, columns = np.triu_indices(features.shape[-1])
    return np.concatenate([features, features[..., rows] * features[..., columns]], axis=-1)


def _next_to(values: Sequence[float]) -> tuple[float, float]:
    """Return the largest of the frames before the middle and of those behind it that a shortest shot has."""
    near = SHORTEST - 1
    return max(values[REACH - near : REACH]), max(values[REACH + 1 : REACH + 1 + near])


def _others(values: Sequence[float]) -> float:
    return max(*values[:REACH], *values[REACH + 1 :])


def _in_rhythm(values: Sequence[float]) -> float:
    """Return the largest that both as long before the middle and behind it reach: of drawings held on twos, say."""
    return max(min(values[REACH - hold], values[REACH + hold]) for hold in range(2, REACH + 1))


@cache
def _fitted() -> Regression:
    read = json.loads(files("anicolor.shots").joinpath("evidence.json").read_text(encoding="utf-8"))
    mean, spread, weights = (np.array(read[name]) for name in ("mean", "spread", "weights"))
    return Regression(mean, spread, weights, float(read["bias"]))
