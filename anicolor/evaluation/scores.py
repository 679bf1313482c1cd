"""What an evaluation found: each metric by frame, by shot, and as the mean of the shots."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from anicolor.frames import FrameRange

__all__ = ["Evaluation", "LeftOut", "Series", "Total", "mean"]


@dataclass(frozen=True)
class Series:
    """One metric of one film.

    ``frames`` has a value for each frame of the film, None where there is none: keyframes, and frames without the
    partner that a temporal metric compares them with. ``shots`` has one for each shot. The ``truth_`` fields hold
    what the ground truth itself scores, for the metrics that need no ground truth; empty for the others.
    """

    metric: str
    variant: str
    higher_is_better: bool
    frames: tuple[float | None, ...]
    shots: tuple[float | None, ...]
    truth_frames: tuple[float | None, ...] = ()
    truth_shots: tuple[float | None, ...] = ()

    @property
    def mean(self) -> float | None:
        """Mean of the shots that have a value."""
        return mean(self.shots)

    @property
    def truth(self) -> float | None:
        """The ground truth's own mean."""
        return mean(self.truth_shots)


@dataclass(frozen=True)
class Total:
    """One metric over all films: the mean of their shots, what the ground truth itself has, and every value."""

    metric: str
    variant: str
    higher_is_better: bool
    mean: float | None
    truth: float | None
    shots: tuple[float | None, ...]
    frames: tuple[float | None, ...]

    @classmethod
    def of(cls, series: Sequence[Series]) -> Self:
        """Join what several films have of one metric."""
        shots = tuple(value for one in series for value in one.shots)
        truth = mean([value for one in series for value in one.truth_shots])
        frames = tuple(value for one in series for value in one.frames)
        return cls(series[0].metric, series[0].variant, series[0].higher_is_better, mean(shots), truth, shots, frames)


@dataclass(frozen=True)
class LeftOut:
    """A metric that was not computed, and why."""

    metric: str
    why: str


@dataclass(frozen=True)
class Evaluation:
    """The scores of one film.

    ``numbers`` are the frames' own numbers (a video's count from 0), ``keyframes`` the ordinals of the frames that
    were given as keyframes and are not scored.
    """

    name: str
    numbers: tuple[int, ...]
    shots: tuple[FrameRange, ...]
    keyframes: frozenset[int]
    series: tuple[Series, ...]
    left_out: tuple[LeftOut, ...] = ()
    notes: tuple[str, ...] = ()


def mean(values: Sequence[float | None]) -> float | None:
    """Return the mean of the values that are there, or None when none is."""
    there = [value for value in values if value is not None]
    return sum(there) / len(there) if there else None
