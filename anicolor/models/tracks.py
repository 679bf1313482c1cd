"""Tracks: where each frame's places are in its keyframes, followed through the frames between.

From a frame straight to a keyframe many drawings away, flow loses what moves far. Between neighbours little moves, and
their flows compose. From where that leads, line flow seeks each place once more in the keyframe itself, so that errors
do not add up (docs/decisions/0013-lineflow.md).
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from anicolor.frames import FrameRange
from anicolor.lines.distance import apart
from anicolor.models.colorizer import Reference
from anicolor.models.lineflow.flow import Drawing, LineFlow
from anicolor.motion import DisFlow, joined, warp

__all__ = ["GapTracks", "passage_tracks"]

_REACH = 64  # frames: further from a keyframe memory would grow with the shot


def passage_tracks(drawings: Tensor, at: int, ends: Sequence[int], flow: LineFlow, hops: int | None = None) -> Tensor:
    """Return the flows ``[1, K, 2, H, W]`` in pixels from drawing ``at`` of ``[N, 1, H, W]`` to the drawings ``ends``.

    With ``hops`` they are followed through fewer of the drawings between, in as many steps at most.
    """
    found = {at: drawings.new_zeros(1, 2, *drawings.shape[-2:])}
    for end in set(ends) - {at}:
        steps = min(hops or abs(at - end), abs(at - end))
        track = _Track(flow, flow.describe(drawings[end : end + 1]))
        for place in (end + round(n * (at - end) / steps) for n in range(1, steps + 1)):
            found[end] = track.onward(flow.describe(drawings[place : place + 1]))
    return torch.stack([found[end].to(drawings) for end in ends], dim=1)


class GapTracks:
    """Tracks of the frames between two keyframes, asked for one after the other.

    ``lines`` returns the lines ``[T, 1, H, W]`` of a range of frames; ``references`` are in time order: but for the two
    that the frames lie between, and lie beside, there is only the straight flow. Tracks to the later one are found at
    once, backwards, and held in half precision.
    """

    def __init__(
        self,
        lines: Callable[[FrameRange], Tensor],
        gap: FrameRange,
        references: Sequence[Reference],
        flow: LineFlow,
    ) -> None:
        self._flow, self._gap = flow, gap
        self._keyframes = [flow.describe(reference.lines[None]) for reference in references]
        places = [reference.index for reference in references]
        self._next = bisect_left(places, gap.stop)
        self._last = self._next - 1  # -1: there is none before the gap
        begun = self._last >= 0 and places[self._last] == gap.start - 1
        self._before = _Track(flow, self._keyframes[self._last]) if begun else None
        self._after: dict[int, Tensor] = {}
        if self._next < len(places) and places[self._next] == gap.stop:
            self._after = self._backwards(lines)

    def to(self, frames: FrameRange, lines: Tensor) -> Tensor:
        """Return the flows ``[T, K, 2, H, W]`` in pixels from ``frames`` to the references.

        ``lines`` are those of the frames, ``[T, 1, H, W]``. A keyframe that is far away is reached directly.
        """
        return torch.stack([self._to(t, line[None]) for t, line in zip(frames, lines, strict=True)]).to(lines)

    def _to(self, frame: int, lines: Tensor) -> Tensor:
        drawing = self._flow.describe(lines)
        tracks: dict[int, Tensor] = {}
        if self._before is not None and frame - self._gap.start < _REACH:
            tracks[self._last] = self._before.onward(drawing)
        if frame in self._after:
            tracks[self._next] = self._after.pop(frame).float()
        found = (
            tracks[k] if k in tracks else self._flow.follow(drawing, keyframe).flow
            for k, keyframe in enumerate(self._keyframes)
        )
        return torch.cat(list(found))

    def _backwards(self, lines: Callable[[FrameRange], Tensor]) -> dict[int, Tensor]:
        frames = FrameRange(max(self._gap.start, self._gap.stop - _REACH), self._gap.stop)
        drawings = [lines(FrameRange(t, t + 1)) for t in frames]  # read forwards: films are slow to read backwards
        track = _Track(self._flow, self._keyframes[self._next])
        tracks = [track.onward(self._flow.describe(drawing)).half() for drawing in reversed(drawings)]
        return dict(zip(reversed(range(frames.start, frames.stop)), tracks, strict=True))


class _Track:
    """The way back to a keyframe, from one drawing to the next."""

    def __init__(self, flow: LineFlow, keyframe: Drawing) -> None:
        self._flow, self._keyframe, self._neighbour = flow, keyframe, keyframe
        self._classical = DisFlow()
        self._track: Tensor | None = None

    def onward(self, drawing: Drawing) -> Tensor:
        """Return the flow ``[1, 2, H, W]`` in pixels from the next drawing to the keyframe.

        Each place takes what its neighbour's track leads to, or what is found in the keyframe from there on: that
        behind which the lines around it lie closer to each other.
        """
        step = self._classical.estimate(drawing.field, self._neighbour.field)
        led = step if self._track is None else joined(self._track, step)
        found = self._flow.follow(drawing, self._keyframe, led).flow
        closer = _apart(drawing, self._keyframe, found) < _apart(drawing, self._keyframe, led)
        self._neighbour, self._track = drawing, torch.where(closer, found, led)
        return self._track


def _apart(drawing: Drawing, keyframe: Drawing, flow: Tensor) -> Tensor:
    """Return how far the keyframe's lines, brought by ``flow``, lie from the drawing's around each place."""
    return apart(drawing.field, warp(keyframe.field, flow))
