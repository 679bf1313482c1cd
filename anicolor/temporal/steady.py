"""Time: a drawing's neighbours vote on its colours, so that nothing flickers for a frame or two.

The colours of the drawings around it are brought to where its lines are, along the flow of the line art; where they
agree with each other, and hardly anything agrees with its own, they are right (docs/decisions/0010-steady-colours.md).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from itertools import combinations
from typing import Generic, Literal

import cv2
import numpy as np
import torch
from torch import Tensor

from anicolor.lines.distance import distance_field, proximity
from anicolor.motion import DisFlow, joined, pixel_grid
from anicolor.temporal.sight import Sight, Thing

__all__ = ["steadied"]

_REACH = 2  # drawings to each side
_NEAR = 0.03 * 3**0.5  # of the distance in RGB: the same colour
_OVER = 2.0  # times the votes of its own colour: so many must be against it
_OFF, _OFF_FAR = 1.0, 0.05  # pixels, and of the distance to lines: as far from them what is brought here must lie
_CORE = np.ones((5, 5), np.uint8)  # pixels: narrower changes are lines that were not hit exactly
_NEXT = np.ones((3, 3), np.uint8)
_LEAST = 20  # pixels of a change


@dataclass(eq=False)
class _Seen(Generic[Thing]):
    """A sight, its lines ``spread`` over the page ``[1, 1, h, w]``, how far ``away`` ``[1, h, w]`` they are, in pixels.

    ``before`` and ``after`` are the flows ``[1, 2, h, w]`` to the sights beside it.
    """

    sight: Sight[Thing]
    spread: Tensor
    away: Tensor
    before: Tensor | None = None
    after: Tensor | None = None
    votes: Tensor = field(init=False)

    def __post_init__(self) -> None:
        sure = self.sight.confidence
        self.votes = torch.ones_like(self.sight.lines) if sure is None or self.sight.given else sure


def steadied(drawings: Iterable[Sight[Thing]]) -> Iterator[Sight[Thing]]:
    """Yield ``drawings`` in their order, with what flickers in the colours around it.

    Two drawings to each side are asked, none beyond a keyframe; keyframes stay as they are. Each is yielded when those
    after it are there.
    """
    flow = DisFlow()
    around: deque[_Seen[Thing]] = deque()
    coming = iter(drawings)
    place = 0  # of the one that is next
    while True:
        while len(around) <= place + _REACH:
            found = next(coming, None)
            if found is None:
                break
            seen = _Seen(found, proximity(found.lines[None]), distance_field(found.lines[None])[0])
            if around:
                last = around[-1]
                last.after = flow.estimate(last.spread, seen.spread)
                seen.before = flow.estimate(seen.spread, last.spread)
            around.append(seen)
        if place == len(around):
            return
        yield _voted(around, place)
        place += 1
        if place > _REACH:
            around.popleft()
            place -= 1


def _voted(around: deque[_Seen[Thing]], place: int) -> Sight[Thing]:
    """Return the sight at ``place`` with the colours that most votes are for."""
    own = around[place]
    if own.sight.given:
        return own.sight
    past = [around[n] for n in range(place - 1, -1, -1)][:_REACH]
    future = [around[n] for n in range(place + 1, len(around))][:_REACH]
    ballots = [(own.sight.colours, own.votes), *_brought(own, past, "before"), *_brought(own, future, "after")]
    colours = torch.stack([colour for colour, _ in ballots])
    votes = torch.cat([vote for _, vote in ballots])
    shares = votes.clone()  # for each colour: its own, and those of all that are the same
    for one, other in combinations(range(len(colours)), 2):
        same = (colours[one] - colours[other]).square().sum(dim=0) < _NEAR**2
        shares[one] += votes[other] * same
        shares[other] += votes[one] * same
    most, best = shares.max(dim=0)
    changed, count = _patches(most > _OVER * shares[0])
    if not count:
        return own.sight
    chosen = colours.gather(0, best[None, None].expand(1, 3, -1, -1))[0]
    made = torch.where(changed, chosen, own.sight.colours)
    sure = own.sight.confidence
    if sure is not None:
        sure = torch.where(changed, most / votes.sum(dim=0), sure[0])[None]
    return replace(own.sight, colours=made, confidence=sure, corrected=count)


def _brought(
    own: _Seen[Thing], others: Iterable[_Seen[Thing]], side: Literal["before", "after"]
) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield the colours ``[3, h, w]`` and the votes ``[1, h, w]`` of drawings on one ``side`` as ``own`` shows them."""
    here: _Seen[Thing] = own
    track: Tensor | None = None
    for there in others:
        step = here.before if side == "before" else here.after
        assert step is not None, "neighbours have a flow between them"
        track = step if track is None else joined(step, track)
        source = _nearest_pixels(track)
        away = _at(there.away, source)
        near = (away - own.away).abs() < _OFF + _OFF_FAR * own.away
        yield _at(there.sight.colours, source), torch.where(near, _at(there.votes, source), 0)
        if there.sight.given:
            return
        here = there


def _nearest_pixels(track: Tensor) -> Tensor:
    """Return the places ``[h, w]``, counted row by row, that ``track`` ``[1, 2, h, w]`` leads to."""
    height, width = track.shape[-2:]
    x, y = (pixel_grid(height, width, track) + track)[0].round().long()
    places: Tensor = y.clamp(0, height - 1) * width + x.clamp(0, width - 1)
    return places


def _at(page: Tensor, places: Tensor) -> Tensor:
    """Return what ``page`` ``[C, h, w]`` has at ``places`` ``[h, w]``."""
    found: Tensor = page.flatten(1)[:, places]
    return found


def _patches(wanted: Tensor) -> tuple[Tensor, int]:
    """Return what of ``wanted`` ``[h, w]`` is in patches that are large and wide enough, and how many they are."""
    flags = wanted.numpy().astype(np.uint8)
    wide = cv2.morphologyEx(flags, cv2.MORPH_OPEN, _CORE)
    if not wide.any():
        return torch.zeros_like(wanted), 0
    _, patches, facts, _ = cv2.connectedComponentsWithStats(cv2.dilate(wide, _NEXT) & flags, connectivity=4)
    large = facts[:, cv2.CC_STAT_AREA] >= _LEAST
    large[0] = False
    kept: Tensor = torch.from_numpy(large[patches])
    return kept, int(large.sum())
