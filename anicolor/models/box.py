"""The part of a shot's frames that anything is drawn or painted in: of large frames a network sees no more.

A figure on empty paper is a fraction of its frame, and can be shown larger without the rest
(docs/decisions/0015-box.md).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from anicolor.models.windows import network_size

__all__ = ["Box", "Extent", "Overhang"]

_MARGIN = 32  # pixels of the network: what it sees around all that is drawn, at least
_GRID = 16  # pixels of the network: places at which a box may begin and end
_CLOSER = 1.25  # times as large as with its whole frame: less is not worth it


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
        """Return a copy of the box in ``pictures`` ``[..., H, W]``, which are as large as the canvas."""
        return pictures if self.size == self.canvas else self._inside(pictures).clone()

    def laid_on(self, part: Tensor, around: Tensor) -> Tensor:
        """Return the canvas ``[C, H, W]`` with ``part`` ``[C, h, w]`` in the box, and the colour ``[C]`` around it."""
        if self.size == self.canvas:
            return part
        canvas = around.to(part)[:, None, None].repeat(1, *self.canvas)
        self._inside(canvas).copy_(part)
        return canvas

    def _inside(self, pictures: Tensor) -> Tensor:
        return pictures[..., self.top : self.bottom, self.left : self.right]


class Overhang(NamedTuple):
    """How far paint reaches beyond the lines, in pixels: a shadow that has none."""

    top: int = 0
    bottom: int = 0
    left: int = 0
    right: int = 0


class Extent:
    """How far what is drawn and painted reaches, in frames ``height`` by ``width``, seen one after the other."""

    def __init__(self, height: int, width: int) -> None:
        self._frame = height, width
        self._seen: tuple[int, int, int, int] | None = None
        self._beyond = Overhang()

    def see_keyframe(self, painted: Tensor, lines: Tensor) -> None:
        """Take in where a keyframe is painted, and where its drawing has lines, ``[H, W]`` each."""
        filled, drawn = _ends(painted), _ends(lines)
        self._add(filled)
        if filled is not None and drawn is not None:
            (above, below, before, after), (top, bottom, left, right) = filled, drawn
            here = Overhang(top - above, below - bottom, left - before, after - right)
            self._beyond = Overhang(*(max(pair) for pair in zip(self._beyond, here, strict=True)))

    def see_drawing(self, lines: Tensor) -> None:
        """Take in where a drawing has lines, ``[H, W]``; its paint may reach as far beyond as the keyframes' does."""
        if (drawn := _ends(lines)) is not None:
            (height, width), (top, bottom, left, right), beyond = self._frame, drawn, self._beyond
            rows = max(0, top - beyond.top), min(height, bottom + beyond.bottom)
            self._add((*rows, max(0, left - beyond.left), min(width, right + beyond.right)))

    def box(self, longer: int) -> Box:
        """Return a box around all of it, for a network that sees ``longer`` pixels at most.

        It is the whole frame if the network would see what is in it hardly larger otherwise. Nothing is enlarged.
        """
        height, width = self._frame
        whole = network_size(height, width, longer)
        if self._seen is None:
            return Box.whole(whole)
        top, bottom, left, right = self._seen
        reach = max(bottom - top, right - left)
        closer = min(1.0, max(0, longer - 2 * (_MARGIN + _GRID)) / reach)
        canvas = network_size(height, width, int(closer * max(height, width)))
        if max(canvas) < _CLOSER * max(whole):
            return Box.whole(whole)
        rows = _aligned(top, bottom, canvas[0], canvas[0] / height)
        return Box(canvas, *rows, *_aligned(left, right, canvas[1], canvas[1] / width))

    def _add(self, ends: tuple[int, int, int, int] | None) -> None:
        if ends is not None:
            seen = self._seen or ends
            top, left = min(seen[0], ends[0]), min(seen[2], ends[2])
            self._seen = top, max(seen[1], ends[1]), left, max(seen[3], ends[3])


def _ends(marks: Tensor) -> tuple[int, int, int, int] | None:
    """Return where ``marks`` ``[H, W]`` begin and end: top, bottom, left and right; None: there are none."""
    (rows, columns) = (torch.nonzero(marks.any(dim=axis)).flatten() for axis in (1, 0))
    if not len(rows):
        return None
    return int(rows[0]), int(rows[-1]) + 1, int(columns[0]), int(columns[-1]) + 1


def _aligned(start: int, stop: int, size: int, scale: float) -> tuple[int, int]:
    first = int((start * scale - _MARGIN) // _GRID) * _GRID
    last = -int(-(stop * scale + _MARGIN) // _GRID) * _GRID
    return max(0, first), min(size, last)
