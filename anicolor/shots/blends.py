"""Dissolves and fades, by what they do to detail: a mixture of two pictures has less of it than either.

The fine structure of two shots has nothing in common, so that the energy of a mixture with share s of the new
shot is (1 - s)^2 of the old one's and s^2 of the new one's: half of their mean in the middle, whatever moves.
Motion leaves the energy as it is. A fade goes through a flat colour: (1 - 2s)^2 down, then up.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from anicolor.frames import FrameRange, Transition

__all__ = ["LONGEST", "Blend", "blends_before"]

Curve = npt.NDArray[np.float64]

SHORTEST, LONGEST = 4, 27
"""Frames of a mixture."""

# Relative to the mean of both shots' energy: 95 per cent of mere motion misses the curve by 0.25 or more (measured).
_MISFIT = 0.07
# The least detail of a mixture is below this share of the mean of both shots'.
_DIP = 0.75
# Levels squared: pictures with less detail at both ends have nothing to lose.
_FLAT = 0.5


@dataclass(frozen=True)
class Blend:
    """Frames that mix two shots, and how far their detail is from that of a perfect mixture."""

    frames: FrameRange
    kind: Transition
    misfit: float

    @property
    def cost(self) -> float:
        """Order among mixtures that overlap, best first: the inner frames of a fade look like a shorter one."""
        return self.misfit - 0.004 * len(self.frames)

    @property
    def middle(self) -> int:
        """The first frame with at least as much of the new shot as of the old."""
        return self.frames.start + len(self.frames) // 2

    def overlaps(self, other: Blend) -> bool:
        """Whether both have a frame in common, or meet without one between."""
        return self.frames.start <= other.frames.stop and other.frames.start <= self.frames.stop


def _weights(lengths: npt.NDArray[np.int64]) -> tuple[Curve, Curve]:
    """Return the weights of the old and of the new shot's energy along mixtures.

    Each is ``[lengths, kinds, LONGEST]``: dissolves, then fades, 0 behind the last frame.
    """
    at, ends = np.arange(1, LONGEST + 1), lengths[:, None] + 1
    shares = np.where(at < ends, at / ends, np.nan)
    through = 1 - 2 * shares
    old = ((1 - shares) ** 2, np.maximum(through, 0) ** 2)
    new = (shares**2, np.minimum(through, 0) ** 2)
    return np.nan_to_num(np.stack(old, axis=1)), np.nan_to_num(np.stack(new, axis=1))


_KINDS: tuple[Transition, ...] = ("dissolve", "fade")
_LENGTHS = np.arange(SHORTEST, LONGEST + 1)
_OLD, _NEW = _weights(_LENGTHS)
# Where the frames of a mixture lie among the details, from their end; those behind the last are one more and hidden.
_WITHIN = np.arange(LONGEST) < _LENGTHS[:, None]
_PLACES = np.where(_WITHIN, np.arange(LONGEST) - 1 - _LENGTHS[:, None], -1)


def blends_before(details: Curve, stop: int) -> Iterator[Blend]:
    """Yield what may be a mixture that ends in front of frame ``stop``, the last one of ``details``."""
    if details.min() >= _DIP * (details.max() + details[-1]) / 2:
        return
    lengths = _LENGTHS[: max(0, details.size - 1 - SHORTEST)]
    ends = (details[-2 - lengths] + details[-1]) / 2
    dips = (ends > _FLAT) & (details[-1 - (lengths + 1) // 2] < _DIP * ends)
    if not dips.any():
        return
    rows = dips.nonzero()[0]
    inside = (details[_PLACES[rows]] * _WITHIN[rows])[:, None]
    fit = _OLD[rows] * details[-2 - lengths[rows], None, None] + _NEW[rows] * details[-1]
    misfits = np.abs(inside - fit).sum(axis=2) / (ends[rows] * lengths[rows])[:, None]
    for row, kind in np.argwhere(misfits < _MISFIT).tolist():
        start = stop - int(lengths[rows[row]])
        yield Blend(FrameRange(start, stop), _KINDS[kind], float(misfits[row, kind]))
