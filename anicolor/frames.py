"""What a frame, a shot and a keyframe are, and the one shape check at the public edge.

Conventions at every border: RGB in [0, 1], lines with 0 = ink and 1 = paper, half-open frame ranges.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["FrameRange", "Hold", "Keyframe", "Shot", "Transition", "check_frames", "check_lines", "rebase"]


@dataclass(frozen=True, order=True)
class FrameRange:
    """Half-open run of frames ``start:stop``, counted from its carrier (film, shot or window).

    Raises:
        ValueError: ``start`` is negative or ``stop`` lies before it.
    """

    start: int
    stop: int

    def __post_init__(self) -> None:
        if not 0 <= self.start <= self.stop:
            raise ValueError(f"a frame range needs 0 <= start <= stop, got {self.start}:{self.stop}")

    def __len__(self) -> int:
        return self.stop - self.start

    def __iter__(self) -> Iterator[int]:
        return iter(range(self.start, self.stop))

    def __contains__(self, index: object) -> bool:
        return isinstance(index, int) and self.start <= index < self.stop

    def __str__(self) -> str:
        return f"{self.start}:{self.stop}"


def rebase(index: int, carrier: FrameRange, to: FrameRange) -> int:
    """Recount ``index`` from the start of ``carrier`` to the start of ``to``.

    Both ranges are counted from the same outer carrier; ``index`` is counted from ``carrier``'s start.
    """
    return index + carrier.start - to.start


Transition = Literal["cut", "dissolve", "fade"]
"""How one shot becomes the next: at once, through a mixture of both, through a flat colour."""


@dataclass(frozen=True)
class Shot:
    """Frames between two transitions, and the transition that opened it: its score (0 for the first shot) and kind.

    A dissolve or a fade takes the frames ``blend``; the shot begins in their middle.
    """

    frames: FrameRange
    score: float = 0.0
    kind: Transition = "cut"
    blend: FrameRange | None = None


@dataclass(frozen=True)
class Hold:
    """A run of frames that show one drawing: animation on twos has holds of two frames, on ones of one."""

    frames: FrameRange


@dataclass(frozen=True, eq=False)
class Keyframe:
    """A painted frame ``[3, H, W]`` in sRGB [0, 1], and the index of the frame that it paints."""

    index: int
    image: Tensor


def check_frames(frames: Tensor, name: str = "frames") -> Tensor:
    """Return ``frames`` if it is a float tensor ``[T, 3, H, W]``.

    Raises:
        ValueError: another shape or type.
    """
    return _check(frames, 3, name)


def check_lines(lines: Tensor, name: str = "lines") -> Tensor:
    """Return ``lines`` if it is a float tensor ``[T, 1, H, W]``.

    Raises:
        ValueError: another shape or type.
    """
    return _check(lines, 1, name)


def _check(tensor: Tensor, channels: int, name: str) -> Tensor:
    if tensor.ndim != 4 or tensor.shape[1] != channels or not tensor.is_floating_point():
        shape = list(tensor.shape)
        raise ValueError(f"{name}: expected float [T, {channels}, H, W], got {tensor.dtype} {shape}")
    return tensor
