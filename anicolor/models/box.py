"""The part of a shot's frames that anything is drawn or painted in: a network needs to see no more of them.

A figure on empty paper is a fraction of its frame. Shown alone, it takes less time and memory, and a large frame need
not be made as small (docs/decisions/0015-box.md).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from anicolor.models.windows import network_size

__all__ = ["Box", "Extent"]

_MARGIN = 32  # pixels of the network: what it sees around all that is drawn, at least
_GRID = 16  # pixels: places of the whole frame at which a box may begin and end
_WORTH = 0.9  # of the whole frame: a larger box is not worth it


@dataclass(frozen=True)
class Box:
    """A part of a ``canvas`` (height, width), the whole frame at the network's scale."""

    canvas: tuple[int, int]
    top: int
    bottom: int
    left: int
    right: int

    @classmethod
    def whole(cls, canvas: tuple[int, int]) -> Box:
        """Return the whole ``canvas`` (height, width)."""
        return cls(canvas, 0, canvas[0], 0, canvas[1])

    @property
    def size(self) -> tuple[int, int]:
        """Height and width."""
        return self.bottom - self.top, self.right - self.left

    def cut(self, pictures: Tensor) -> Tensor:
        """Return the box of ``pictures`` ``[..., H, W]`` as large as the canvas."""
        return pictures[..., self.top : self.bottom, self.left : self.right]

    def laid_on(self, part: Tensor, around: Tensor) -> Tensor:
        """Return the canvas ``[C, H, W]`` with ``part`` ``[C, h, w]`` in the box, and the colour ``[C]`` around it."""
        if self.size == self.canvas:
            return part
        canvas = around.to(part)[:, None, None].repeat(1, *self.canvas)
        self.cut(canvas).copy_(part)
        return canvas


class Extent:
    """How far what is drawn and painted reaches, in frames ``height`` by ``width``, seen one after the other."""

    def __init__(self, height: int, width: int) -> None:
        self._rows = torch.zeros(height, dtype=torch.bool)
        self._columns = torch.zeros(width, dtype=torch.bool)

    def see(self, marks: Tensor) -> None:
        """Take in where a frame has something on it, ``[H, W]``."""
        self._rows |= marks.any(dim=1)
        self._columns |= marks.any(dim=0)

    @property
    def everywhere(self) -> bool:
        """Whether the frame is needed as a whole."""
        (top, bottom), (left, right) = map(_ends, (self._rows, self._columns))
        return (bottom - top) * (right - left) >= _WORTH * len(self._rows) * len(self._columns)

    def box(self, longer: int) -> Box:
        """Return a box around all of it, for a network that sees ``longer`` pixels at most; nothing is enlarged."""
        height, width = len(self._rows), len(self._columns)
        (top, bottom), (left, right) = map(_ends, (self._rows, self._columns))
        whole = network_size(height, width, longer)
        reach = max(bottom - top, right - left, 1)
        closer = min(1.0, (longer - 2 * (_MARGIN + _GRID)) / reach)
        canvas = max(whole, network_size(height, width, int(closer * max(height, width))))
        rows = _aligned(top, bottom, canvas[0], canvas[0] / height)
        columns = _aligned(left, right, canvas[1], canvas[1] / width)
        found = Box(canvas, *rows, *columns)
        if canvas == whole and found.size[0] * found.size[1] > _WORTH * whole[0] * whole[1]:
            return Box.whole(whole)
        return found


def _ends(used: Tensor) -> tuple[int, int]:
    """Return where the first of ``used`` ``[N]`` is, and where the last one ends; nothing is in the middle."""
    places = used.nonzero()
    return (int(places[0]), int(places[-1]) + 1) if len(places) else (len(used) // 2, len(used) // 2 + 1)


def _aligned(start: int, stop: int, size: int, scale: float) -> tuple[int, int]:
    first = int((start * scale - _MARGIN) // _GRID) * _GRID
    last = -int(-(stop * scale + _MARGIN) // _GRID) * _GRID
    return max(0, first), min(size, last)
