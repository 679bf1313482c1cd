"""Tracks: the flow from a frame to its keyframes, followed through the frames between.

From a frame straight to a keyframe many drawings away, optical flow loses what moves far. Between neighbours little
moves, and their flows compose.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from itertools import accumulate, pairwise

import torch
from torch import Tensor

from anicolor.frames import FrameRange
from anicolor.lines.distance import proximity
from anicolor.models.colorizer import Reference
from anicolor.motion import DisFlow, joined

__all__ = ["GapTracks", "passage_tracks"]

_REACH = 64  # frames: further from a keyframe the errors have added up, and memory would grow with the shot


def passage_tracks(drawings: Tensor, at: int, ends: Sequence[int]) -> Tensor:
    """Return the flows ``[K, 2, H, W]`` in pixels from drawing ``at`` of ``[N, 1, H, W]`` to the drawings ``ends``."""
    fields = proximity(drawings)
    tracks: dict[int, Tensor] = {}
    for end in set(ends):
        way = 1 if at > end else -1
        path = [fields[t : t + 1] for t in range(end, at + way, way)]
        tracks[end] = fields.new_zeros(1, 2, *fields.shape[-2:])
        for tracks[end] in accumulate(_steps(path), joined):
            pass
    return torch.cat([tracks[end] for end in ends])


class GapTracks:
    """Tracks of the frames between two keyframes, asked for one after the other.

    ``lines`` returns the lines ``[T, 1, H, W]`` of a range of frames; ``references`` are in time order: but for the two
    that the frames lie between, and lie beside, there is only the straight flow. Tracks to the later one are found at
    once, backwards, and held in half precision.
    """

    def __init__(self, lines: Callable[[FrameRange], Tensor], gap: FrameRange, references: Sequence[Reference]) -> None:
        self._flow = DisFlow()
        self._gap = gap
        self._fields = [proximity(reference.lines[None]) for reference in references]
        places = [reference.index for reference in references]
        self._next = bisect_left(places, gap.stop)
        self._last = self._next - 1  # -1: there is none before the gap
        self._neighbour, self._onward = self._fields[max(self._last, 0)], torch.zeros(0)
        self._after: dict[int, Tensor] = {}
        self._begun = self._last >= 0 and places[self._last] == gap.start - 1
        if self._next < len(places) and places[self._next] == gap.stop:
            self._after = self._backwards(lines)

    def to(self, frames: FrameRange, lines: Tensor) -> Tensor:
        """Return the flows ``[T, K, 2, H, W]`` in pixels from ``frames`` to the references.

        ``lines`` are those of the frames, ``[T, 1, H, W]``. A keyframe that is far away is reached directly.
        """
        return torch.stack([self._track(t, field[None]) for t, field in zip(frames, proximity(lines), strict=True)])

    def _track(self, frame: int, field: Tensor) -> Tensor:
        tracks: dict[int, Tensor] = {}
        if self._begun and frame - self._gap.start < _REACH:
            step = self._flow.estimate(field, self._neighbour)
            self._onward = joined(self._onward, step) if len(self._onward) else step
            self._neighbour, tracks[self._last] = field, self._onward
        if frame in self._after:
            tracks[self._next] = self._after.pop(frame).float()
        return torch.cat([tracks.get(k, self._flow.estimate(field, to)) for k, to in enumerate(self._fields)])

    def _backwards(self, lines: Callable[[FrameRange], Tensor]) -> dict[int, Tensor]:
        frames = FrameRange(max(self._gap.start, self._gap.stop - _REACH), self._gap.stop)
        path = [proximity(lines(FrameRange(t, t + 1))) for t in frames]
        steps = _steps([self._fields[self._next], *reversed(path)])
        tracks = (track.half() for track in accumulate(steps, joined))
        return dict(zip(reversed(range(frames.start, frames.stop)), tracks, strict=True))


def _steps(path: Sequence[Tensor]) -> Iterator[Tensor]:
    """Yield the flows from each field ``[1, 1, H, W]`` but the first to the one before it."""
    flow = DisFlow()
    return (flow.estimate(field, before) for before, field in pairwise(path))
