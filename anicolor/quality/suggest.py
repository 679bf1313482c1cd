"""Which frames to paint next: those that are expected to raise the score of the whole cut most."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from anicolor.frames import FrameRange
from anicolor.pages.words import counted, percent
from anicolor.quality.notes import CutReport, FrameNote

__all__ = ["Suggestion", "suggest"]

_Floats: TypeAlias = npt.NDArray[np.float64]
_Whole: TypeAlias = npt.NDArray[np.int64]

_HALF_SURE = 8  # frames from a keyframe: what a model that cannot tell is taken for half sure of
_LEAST = 1e-6  # frames: what gains less is rounding


@dataclass(frozen=True)
class Suggestion:
    """A frame to paint: its ordinal in the film, its drawing's number, its shot.

    ``gain`` is by how much the expected error of all frames falls, counted in frames: 2.5 is as if two frames and
    a half were painted wrongly throughout, and now are right.
    """

    index: int
    number: int
    shot: int
    gain: float
    reason: str


def suggest(report: CutReport, count: int = 1) -> tuple[Suggestion, ...]:
    """Return the next ``count`` frames to paint, the best first; fewer, or none, where nothing is left to gain.

    A frame's expected error u is 1 - confidence; where the model cannot tell, d / (d + 8) at d frames from the nearest
    keyframe of its shot. It goes with the distance: a new keyframe d' frames away leaves u d' / d, where d' < d, and
    changes nothing elsewhere, so it works between its neighbours only. A shot without a keyframe is taken to have one
    a shot's length away. Each frame after the first is chosen as if those before it were painted.

    Raises:
        ValueError: ``count`` is below one.
    """
    if count < 1:
        raise ValueError(f"expected one frame to suggest at least, got {count}")
    shots = [_Shot(report.shots[shot], tuple(frames)) for shot, frames in groupby(report.frames, lambda one: one.shot)]
    return tuple(_greedy(shots, count))


def _greedy(shots: Sequence[_Shot], count: int) -> Iterator[Suggestion]:
    best = [shot.best() for shot in shots]
    for _ in range(count):
        at = max(range(len(shots)), key=lambda i: best[i][1], default=None)
        if at is None or best[at][1] < _LEAST:
            return
        place, gain = best[at]
        yield shots[at].suggestion(place, gain)
        shots[at].paint(place)
        best[at] = shots[at].best()


class _Shot:
    """Expected errors of a shot's frames, which fall as it gets keyframes; places are counted from its start."""

    def __init__(self, span: FrameRange, frames: Sequence[FrameNote]) -> None:
        self._frames = {frame.index - span.start: frame for frame in frames}
        self._keys = sorted(place for place, frame in self._frames.items() if frame.keyframe)
        self._free = np.isin(np.arange(len(span)), list(self._frames))
        self._apart = _distances(len(span), self._keys)
        self._slopes = np.zeros(len(span))  # error for each frame of distance
        for place, frame in self._frames.items():
            if not frame.keyframe:
                far = self._apart[place]
                error = far / (far + _HALF_SURE) if frame.confidence is None else 1 - frame.confidence
                self._slopes[place] = max(0.0, error) / far

    def best(self) -> tuple[int, float]:
        """Return the place to paint, and what is gained there; the earliest of equals."""
        gains = np.where(self._free, np.round(_gains(self._slopes, self._apart), 9), 0)
        place = int(gains.argmax())
        return place, float(gains[place])

    def paint(self, place: int) -> None:
        """Take the frame at ``place`` for a keyframe from now on."""
        self._keys.insert(bisect_left(self._keys, place), place)
        self._apart = np.minimum(self._apart, _distances(len(self._slopes), [place]))

    def suggestion(self, place: int, gain: float) -> Suggestion:
        """Return what is said of painting the frame at ``place``."""
        frame, at = self._frames[place], bisect_left(self._keys, place)
        before, after = self._keys[at - 1 : at], self._keys[at : at + 1]
        first, stop = before[0] + 1 if before else 0, after[0] if after else len(self._slopes)
        error = float((self._slopes * self._apart)[first:stop].sum())
        count = sum(first <= one < stop for one in self._frames)
        sure = f"{percent(1 - error / count)} sure on average"
        if frame.confidence is None:
            sure = f"up to {counted(int(self._apart[first:stop].max()), 'frame')} from a keyframe"
        if self._keys:
            why = f"{self._where(count, before, after)} {sure}"
        else:
            why = f"The shot of {counted(count, 'frame')} has no keyframe of its own"
        reason = f"{why}: painting this one takes away {percent(gain / error)} of the error expected there."
        return Suggestion(frame.index, frame.number, frame.shot, gain, reason)

    def _where(self, count: int, before: Sequence[int], after: Sequence[int]) -> str:
        """Name the frames of the gap between ``before`` and ``after``, of which one may be missing."""
        ends = [str(self._frames[key].number) for key in (*before, *after)]
        side = "after keyframe" if not after else "before keyframe" if not before else "between keyframes"
        many = f"The {count:,} frames" if count > 1 else "The one frame"
        return f"{many} {side} {' and '.join(ends)} {'are' if count > 1 else 'is'}"


def _distances(length: int, keys: Sequence[int]) -> _Whole:
    """Return for each of ``length`` frames how far the nearest of ``keys`` is, ``length`` without any."""
    places = np.arange(length)
    if not keys:
        return np.full(length, length)
    at = np.searchsorted(keys, places)
    known = np.array([-2 * length, *keys, 3 * length])  # beyond any
    apart: _Whole = np.minimum(places - known[at], known[at + 1] - places)
    return apart


def _gains(slopes: _Floats, apart: _Whole) -> _Floats:
    """Return by how much the sum of the errors falls for a keyframe at each place.

    A frame with the slope r at the distance d from its keyframe gains r max(0, d - |t - t'|) from one at t', a tent
    over the places around it. All tents are summed at once: their second differences are three numbers each.
    """
    reach = int(apart.max(initial=0)) + 1
    bends = np.zeros(len(slopes) + 2 * reach)
    places = np.arange(len(slopes)) + reach
    for at, share in ((places - apart, 1.0), (places, -2.0), (places + apart, 1.0)):
        np.add.at(bends, at, share * slopes)
    tents: _Floats = np.cumsum(np.cumsum(bends))
    # A tent that is bent at t has its value one place on.
    return tents[reach - 1 : reach - 1 + len(slopes)]
