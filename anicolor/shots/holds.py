"""Which frames show the same drawing: animation on twos and threes repeats most of its frames.

In files of drawings a held one is the same to the last pixel. After a lossy codec it is not, but the codec's noise
has no mean: there, pixels count whose luma, averaged over 5x5 pixels, differs by more than 12 levels. In H.264 of drawn
animation (720p, crf 18 to 28) a held frame has at most 62 of them, a moved one 27,280 or more (measured); the limit
lies by the former, so that a blink is not taken for a hold.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from anicolor.frames import FrameRange, Hold, Shot
from anicolor.media.film import Film
from anicolor.media.picture import Picture

__all__ = ["film_holds", "find_holds", "held_in"]

_LEVELS, _AROUND = 12, (5, 5)
_SHARE = 80 / (1280 * 720)  # of the pixels, that may differ in a held drawing
_LEAST = 32  # pixels that may always differ: noise at one spot
_Pixels = npt.NDArray[Any]


def find_holds(pictures: Iterable[Picture], *, exact: bool, starts: Sequence[int] = ()) -> Iterator[Hold]:
    """Yield the holds of a film in order; together they cover every frame.

    ``exact``: only identical pixels are one drawing; otherwise the tolerance of this module holds. Each frame is
    compared with the first of its hold, so that slow motion does not creep through. A hold ends before each of
    ``starts`` (frame ordinals): no drawing is held across a cut.
    """
    fresh = set(starts)
    first: _Pixels | None = None
    start, index = 0, -1
    for index, picture in enumerate(pictures):
        now = picture.pixels if exact else _luma(picture)
        if first is not None and index not in fresh and _same(first, now, exact):
            continue
        if first is not None:
            yield Hold(FrameRange(start, index))
        first, start = now, index
    if first is not None:
        yield Hold(FrameRange(start, index + 1))


def film_holds(film: Film, shots: Sequence[Shot], seen: Callable[[int], None] | None = None) -> Iterator[Hold]:
    """Yield the holds of ``film``: exact for files of drawings, by tolerance for a video; none crosses a cut.

    ``seen`` is told how many frames have been looked at.

    Raises:
        AnicolorError: a frame cannot be read.
    """
    starts = [shot.frames.start for shot in shots]
    for hold in find_holds(film.read(), exact=film.info.kind == "sequence", starts=starts):
        if seen is not None:
            seen(hold.frames.stop)
        yield hold


def held_in(shot: FrameRange, holds: Sequence[Hold]) -> tuple[Hold, ...]:
    """Return what of ``holds`` lies in ``shot``; one that crosses its border is cut there."""
    spans = ((max(hold.frames.start, shot.start), min(hold.frames.stop, shot.stop)) for hold in holds)
    return tuple(Hold(FrameRange(start, stop)) for start, stop in spans if start < stop)


def _luma(picture: Picture) -> _Pixels:
    return np.asarray(cv2.cvtColor(picture.rgb8(), cv2.COLOR_RGB2GRAY), np.float32)


def _same(first: _Pixels, now: _Pixels, exact: bool) -> bool:
    if exact:
        return first.dtype == now.dtype and np.array_equal(first, now)
    apart = np.abs(cv2.blur(now - first, _AROUND)) > _LEVELS
    return int(np.count_nonzero(apart)) <= max(_LEAST, round(_SHARE * first.size))
