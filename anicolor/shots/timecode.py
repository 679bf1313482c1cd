"""Timecodes: a frame's place in the film as hours, minutes, seconds and frames."""

from __future__ import annotations

import re
from collections.abc import Callable
from fractions import Fraction
from itertools import pairwise

from anicolor.media.film import Film

__all__ = ["clock", "counted_rate", "from_timecode", "is_variable", "to_timecode"]

_TIMECODE = re.compile(r"(\d{2,}):(\d{2}):(\d{2})([:;.,])(\d{2,3})")


def is_variable(film: Film) -> bool:
    """Say whether the film's frames last differently long, by more than its container's rounding."""
    steps = [after - before for before, after in pairwise(film.times)]
    return bool(steps) and max(steps) - min(steps) > 1


def clock(film: Film) -> Callable[[int], Fraction]:
    """Return what tells when a frame is shown, in seconds after frame 0.

    Exact at a steady rate; at a variable one as the container says.
    """
    times, unit, rate = film.times, film.time_base, film.info.rate
    if is_variable(film):
        return lambda frame: (times[frame] - times[0]) * unit
    return lambda frame: frame / rate


def counted_rate(rate: Fraction) -> int:
    """Return how many frames a timecode counts to its second: 24 for 24000/1001, and 1 at least."""
    return max(1, round(rate))


def to_timecode(frame: int, rate: Fraction) -> str:
    """Return ``frame`` (0-based) as ``HH:MM:SS:FF``, non-drop: every frame number is used.

    At 24000/1001 and 30000/1001 a second of timecode lasts 1.001 s. Hours go on beyond 23.
    """
    seconds, frames = divmod(frame, counted_rate(rate))
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02d}:{minutes:02d}:{seconds:02d}:{frames:02d}"


def from_timecode(text: str, rate: Fraction, *, drop: bool = False) -> int:
    """Return the frame (0-based) that a timecode names.

    With ``drop``, or a semicolon before its frames, the timecode is drop-frame: two frame numbers of each minute are
    left out but in every tenth (SMPTE ST 12-1; four of each at 60000/1001).

    Raises:
        ValueError: no timecode; more frames than the rate has in a second; drop-frame at a rate that has none; a number
            that drop-frame leaves out.
    """
    match = _TIMECODE.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"{text!r} is no timecode: expected HH:MM:SS:FF")
    hours, minutes, seconds, frames = (int(match[group]) for group in (1, 2, 3, 5))
    whole = counted_rate(rate)
    if minutes > 59 or seconds > 59:
        raise ValueError(f"{text} is no timecode: minutes and seconds end at 59")
    if frames >= whole:
        raise ValueError(f"{text} has frame {frames} of a second, but the film has {whole} frames a second")
    count = ((hours * 60 + minutes) * 60 + seconds) * whole + frames
    if not drop and match[4] != ";":
        return count
    return count - _dropped(text, rate, hours * 60 + minutes, seconds, frames)


def _dropped(text: str, rate: Fraction, minutes: int, seconds: int, frames: int) -> int:
    """Return how many frame numbers are left out before a drop-frame timecode."""
    whole = counted_rate(rate)
    if whole % 30 != 0 or rate.denominator == 1:
        raise ValueError(f"{text} is drop-frame, which {rate} frames a second do not have")
    left_out = whole // 15
    if minutes % 10 and seconds == 0 and frames < left_out:
        raise ValueError(f"{text} is a number that drop-frame timecode leaves out")
    return left_out * (minutes - minutes // 10)
