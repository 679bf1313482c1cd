"""What of a change motion explains: a dense search follows limbs and turns that whole blocks do not.

It is asked about the few frames that may open a shot. Pictures are so small that waking torch's threads, as
:mod:`anicolor.motion` does, would cost more than the search.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

__all__ = ["NOTHING", "Rest", "rest"]

_Levels = npt.NDArray[np.float32]

_NOISE = 2.0  # levels of 255: less is no change


@dataclass(frozen=True)
class Rest:
    """What is left of a change when everything is moved to where it is found again, 0 to 1 or little above.

    ``of_change`` is its share of the change without motion: little for one drawing in two poses, most for two
    drawings. ``of_pictures`` is its share of the energy of both pictures about their means.
    """

    of_change: float
    of_pictures: float


NOTHING = Rest(0.0, 0.0)


def rest(before: npt.NDArray[Any], after: npt.NDArray[Any], much: float) -> Rest:
    """Return the rest between two small pictures, uint8 RGB ``[H, W, 3]``: the lesser of both directions.

    One is enough where it leaves less than ``much`` of the change. The motion is dense inverse search (Kroeger et
    al., ECCV 2016), down to single pixels.
    """
    old, new = before.astype(np.float32), after.astype(np.float32)
    grey = [cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY) for picture in (before, after)]
    noise = old.size * _NOISE**2
    change = float(np.square(old - new).sum() + noise)
    left = _left(old, new, _flow(grey[1], grey[0]))
    if left >= much * change:
        left = min(left, _left(new, old, _flow(grey[0], grey[1])))
    means = old.mean(axis=(0, 1)), new.mean(axis=(0, 1))
    energy = np.square(means[0] - means[1]).sum() * grey[0].size + sum(
        np.square(picture - mean).sum() for picture, mean in zip((old, new), means, strict=True)
    )
    return Rest(left / change, left / float(energy + 2 * noise))


def _flow(target: npt.NDArray[Any], source: npt.NDArray[Any]) -> _Levels:
    search = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_FAST)
    search.setFinestScale(0)
    return np.asarray(search.calc(target, source, None), np.float32)


def _left(source: _Levels, target: _Levels, flow: _Levels) -> float:
    moved = cv2.remap(source, _places(*flow.shape[:2]) + flow, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return float(np.square(moved - target).sum())


@cache
def _places(height: int, width: int) -> _Levels:
    """Return every pixel's own place (x, y) ``[H, W, 2]``."""
    return np.stack(np.meshgrid(np.arange(width), np.arange(height)), axis=-1).astype(np.float32)
