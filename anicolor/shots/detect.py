"""Find the cuts of a film, frame by frame: nothing but a few features is held."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain, repeat
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from anicolor.frames import FrameRange, Shot
from anicolor.media.picture import Picture
from anicolor.shots.histogram import Histogram, histogram, mse
from anicolor.shots.structure import Thumbnail, change, is_blank, thumbnail

__all__ = ["Detector", "Rule", "detect"]

Rule = Literal["structure", "histogram"]


@dataclass(frozen=True)
class Detector:
    """How cuts are found; the defaults were measured (docs/decisions/0003-shots-on-line-art.md).

    ``structure``, for line art and colour: a frame opens a shot when at least ``change`` of it is not found
    in the frame before, and that is ``isolation`` times more than any change within ``window`` frames on
    either side. A cut stands alone; fast motion and flashes do not. Between two cuts lie ``window + 1`` frames or
    more; the first and the last shot may be shorter.

    ``histogram``, the papers' rule for finished film (Shi et al., section 4.1): the mean squared difference
    of neighbouring histograms is greater than ``mse``.
    """

    rule: Rule = "structure"
    change: float = 0.11
    isolation: float = 1.5
    window: int = 3
    mse: float = 200.0


def detect(pictures: Iterable[Picture], detector: Detector | None = None) -> Iterator[Shot]:
    """Yield the shots of a film in order, each as soon as it is closed; together they cover every frame.

    A shot's score is that of the cut that opened it: the change in [0, 1], or the histograms' mean squared
    difference. For progress, count ``pictures`` as they are taken.
    """
    start, opened, index = 0, 0.0, -1
    for index, score in enumerate(_openings(pictures, detector or Detector())):
        if score > 0 and index > 0:
            yield Shot(FrameRange(start, index), opened)
            start, opened = index, score
    if index >= 0:
        yield Shot(FrameRange(start, index + 1), opened)


def _openings(pictures: Iterable[Picture], detector: Detector) -> Iterator[float]:
    """Yield for each frame the score of the cut in front of it, 0 where there is none."""
    if detector.rule == "histogram":
        return (score if score > detector.mse else 0.0 for score in _histogram_changes(pictures))
    return _peaks(_structure_changes(pictures), detector)


def _histogram_changes(pictures: Iterable[Picture]) -> Iterator[float]:
    before: Histogram | None = None
    for picture in pictures:
        now = histogram(_levels(picture))
        yield 0.0 if before is None else mse(before, now)
        before = now


def _structure_changes(pictures: Iterable[Picture]) -> Iterator[float]:
    """Yield each frame's change since the last frame that shows anything: an empty page opens no shot."""
    before: Thumbnail | None = None
    for picture in pictures:
        now = thumbnail(_levels(picture))
        if is_blank(now):
            yield 0.0
            continue
        yield 0.0 if before is None else change(before, now)
        before = now


def _peaks(changes: Iterable[float], detector: Detector) -> Iterator[float]:
    """Yield the changes that stand alone, and 0 for the others."""
    window = detector.window
    seen = deque(repeat(0.0, window), maxlen=2 * window + 1)
    for value in chain(changes, repeat(0.0, window)):
        seen.append(value)
        if len(seen) == seen.maxlen:
            here = seen[window]
            beside = max((v for i, v in enumerate(seen) if i != window), default=0.0)
            alone = here > detector.change and here >= detector.isolation * beside
            yield here if alone else 0.0


def _levels(picture: Picture) -> npt.NDArray[Any]:
    """Return uint8 RGB on paper; the common case is free, a minute of 1080p is 1,440 of these."""
    if picture.pixels.dtype == np.uint8 and picture.pixels.shape[2] == 3:
        return picture.pixels
    return np.rint(picture.on_paper() * 255).astype(np.uint8)
