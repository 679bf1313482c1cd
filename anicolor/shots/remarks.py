"""What a list says of a shot beside its frames: score, kind and blend, checked."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any, get_args

from anicolor.frames import FrameRange, Shot, Transition

__all__ = ["other_rate", "shot_of", "to_blend"]


def shot_of(start: int, stop: int, score: Any = None, kind: Any = None, blend: FrameRange | None = None) -> Shot:
    """Return a shot; what a list does not say of it (None or empty) is as in a list of plain cuts.

    A blend that the shot no longer begins in is left out: somebody has moved the cut.

    Raises:
        ValueError: no frame in it, a score that is no finite number, an unknown kind.
    """
    if start < 0 or stop <= start:
        raise ValueError(f"the shot {start}:{stop} has no frame: expected 0 <= start < stop")
    kind = (str(kind).strip().lower() if kind is not None else "") or "cut"
    if kind not in get_args(Transition):
        raise ValueError(f"the shot {start}:{stop} is opened by {kind!r}: expected {', '.join(get_args(Transition))}")
    if blend is not None and not blend.start <= start <= blend.stop:
        blend = None
    return Shot(FrameRange(start, stop), _score(score, start, stop), kind, blend)


def to_blend(text: str | None) -> FrameRange | None:
    """Read ``10:20``; None for nothing.

    Raises:
        ValueError: no frame range.
    """
    if text is None or not text.strip():
        return None
    start, colon, stop = text.partition(":")
    if not colon or not start.strip().isdecimal() or not stop.strip().isdecimal():
        raise ValueError(f"{text!r} is no frame range: expected one like 10:20")
    return FrameRange(int(start), int(stop))


def other_rate(said: object, rate: Fraction) -> ValueError:
    """Return what to raise for a list that counts at another rate than the film."""
    return ValueError(f"counts at {said} frames a second, the film at {rate}: --rate is for images that have another")


def _score(said: Any, start: int, stop: int) -> float:
    if said is None or said == "":
        return 0.0
    try:
        score = float(said)
    except (TypeError, ValueError):
        score = math.nan
    if not math.isfinite(score):
        raise ValueError(f"the shot {start}:{stop} has the score {said!r}: expected a number")
    return score
