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

from anicolor.data.clips import Example
from anicolor.frames import FrameRange
from anicolor.models.colorizer import Reference
from anicolor.models.lineflow.flow import Drawing, LineFlow, shipped
from anicolor.motion import DisFlow, joined

__all__ = ["GapTracks", "example_tracks", "passage_tracks", "straight_tracks"]

_FAR_CLOSER = 0.5  # of how little alike what is followed is: optical flow's straight way must be as good as that
_REACH = 64  # frames: further from a keyframe memory would grow with the shot
_HOPS = 4  # drawings that examples to learn from are followed through, at most: all of them would take far longer


def passage_tracks(drawings: Tensor, at: int, ends: Sequence[int], flow: LineFlow, hops: int | None = None) -> Tensor:
    """Return the tracks ``[1, K, 3, H, W]`` from drawing ``at`` of ``[N, 1, H, W]`` to the drawings ``ends``.

    Of each place they say the flow in pixels, and how little what it leads to is like it (``LineFlow.apart``). With
    ``hops`` they are followed through fewer of the drawings between, in as many steps at most.
    """
    found = {at: drawings.new_zeros(1, 3, *drawings.shape[-2:])}
    for end in set(ends) - {at}:
        steps = min(hops or abs(at - end), abs(at - end))
        track = _Track(flow, flow.describe(drawings[end : end + 1]))
        for place in (end + round(n * (at - end) / steps) for n in range(1, steps + 1)):
            found[end] = track.onward(flow.describe(drawings[place : place + 1]))
    return torch.stack([found[end].to(drawings) for end in ends], dim=1)


def example_tracks(example: Example) -> Tensor:
    """Return the tracks ``[1, K, 3, H, W]`` from an example's target to its references: those it has, or found now."""
    if example.tracks is not None:
        return example.tracks
    *ends, at = example.places
    return passage_tracks(example.drawings, at, ends, shipped(), _HOPS)


def straight_tracks(lines: Tensor, keyframes: Tensor, flow: LineFlow) -> Tensor:
    """Return the tracks ``[T, K, 3, H, W]`` from frames to keyframes with nothing followed between.

    Of the lines of frames ``[T, 1, H, W]`` and of keyframes ``[K, 1, H, W]``, as ``passage_tracks`` says them.
    """
    ends = [flow.describe(keyframe[None]) for keyframe in keyframes]
    frames = [flow.describe(line[None]) for line in lines]
    return torch.stack([torch.cat([_Track(flow, end).onward(frame) for end in ends]) for frame in frames]).to(lines)


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
        """Return the tracks ``[T, K, 3, H, W]`` from ``frames`` to the references, as ``passage_tracks`` does.

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
            tracks[k] if k in tracks else _Track(self._flow, keyframe).onward(drawing)
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
        """Return the track ``[1, 3, H, W]`` from the next drawing to the keyframe.

        Each place takes what its neighbour's track leads to, what is found in the keyframe from there on, or where
        optical flow leads at once (to a pose that returns): that which is most like it.
        """
        step = self._classical.estimate(drawing.field, self._neighbour.field)
        led = step if self._track is None else joined(self._track, step)
        found = self._flow.follow(drawing, self._keyframe, led).flow
        straight = self._classical.estimate(drawing.field, self._keyframe.field)
        ways = torch.stack([led, found, straight])
        apart = torch.stack([self._flow.apart(drawing, self._keyframe, way) for way in ways])
        handicaps = apart.new_tensor([1, 1, 1 / _FAR_CLOSER]).view(3, 1, 1, 1, 1)
        best = (apart * handicaps).argmin(dim=0, keepdim=True)
        chosen = torch.cat([ways, apart], dim=2).gather(0, best.expand(-1, -1, 3, -1, -1))[0]
        self._track, self._neighbour = chosen[:, :2], drawing
        return chosen
