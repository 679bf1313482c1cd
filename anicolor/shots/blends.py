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


def _shares(length: int) -> Curve:
    return np.arange(1, length + 1) / (length + 1)


def _curves(length: int) -> dict[Transition, tuple[Curve, Curve]]:
    """Return the weights of the old and of the new shot's energy along a mixture."""
    s = _shares(length)
    through = 1 - 2 * s
    return {
        "dissolve": ((1 - s) ** 2, s**2),
        "fade": (np.maximum(through, 0) ** 2, np.minimum(through, 0) ** 2),
    }


_LENGTHS = np.arange(SHORTEST, LONGEST + 1)
_CURVES = {int(length): _curves(int(length)) for length in _LENGTHS}


def blends_before(details: Curve, stop: int) -> Iterator[Blend]:
    """Yield what may be a mixture that ends in front of frame ``stop``, the last one of ``details``."""
    lengths = _LENGTHS[: max(0, details.size - 1 - SHORTEST)]
    ends = (details[-2 - lengths] + details[-1]) / 2
    dips = (ends > _FLAT) & (details[-1 - (lengths + 1) // 2] < 0.75 * ends)
    for length, mean in zip(lengths[dips].tolist(), ends[dips].tolist(), strict=True):
        inside = details[-1 - length : -1]
        for kind, (old, new) in _CURVES[length].items():
            fit = old * details[-2 - length] + new * details[-1]
            misfit = float(np.abs(inside - fit).sum()) / (mean * length)
            if misfit < _MISFIT:
                yield Blend(FrameRange(stop - length, stop), kind, misfit)
