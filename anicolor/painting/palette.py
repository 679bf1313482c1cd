"""The keyframes' exact colours: flat fills come out as the very colours that they were painted with."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

__all__ = ["Palette", "PaletteSamples"]

_PAPER = 0.98  # drawings lighter than this show paint alone
_FLAT = 0.8  # of the paint is in few colours: shading is left as it is
_FEWEST, _RAREST = 8, 0.0001  # pixels, and share of the paint, that make a colour one of them
_NEAR = 0.03  # of each channel, on average: paint this close is meant to be the colour
_DEPTH = 65535
_PAIRS = 2**24  # compared at a time

_Whole = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Palette:
    """The colours ``[N, 3]`` in [0, 1] of a shot that is painted flat."""

    colours: Tensor

    def snap(self, paint: Tensor) -> Tensor:
        """Return ``paint`` ``[3, H, W]`` with what is close to one of the colours in exactly that colour."""
        pixels = paint.flatten(1).T
        parts = torch.split(pixels, max(1, _PAIRS // len(self.colours)))
        snapped = []
        for part in parts:
            distance, row = torch.cdist(part, self.colours).min(dim=1)
            near = distance[:, None] <= _NEAR * 3**0.5
            snapped.append(torch.where(near, self.colours[row], part))
        return torch.cat(snapped).T.reshape(paint.shape)


class PaletteSamples:
    """Collects the colours of a shot's keyframes, one after the other."""

    def __init__(self) -> None:
        self._counts: dict[int, int] = {}
        self._seen = 0

    def add(self, image: Tensor, drawing: Tensor) -> None:
        """Look at a keyframe ``[3, H, W]`` and its drawing of the same shape."""
        paint = image[:, (drawing > _PAPER).all(dim=0)]
        levels: _Whole = np.rint(paint.numpy() * _DEPTH).astype(np.int64)
        keys, counts = np.unique((levels << (16 * np.arange(3))[:, None]).sum(axis=0), return_counts=True)
        often = counts >= max(_FEWEST, _RAREST * levels.shape[1])  # what is rare everywhere is rare
        for key, count in zip(keys[often].tolist(), counts[often].tolist(), strict=True):
            self._counts[key] = self._counts.get(key, 0) + count
        self._seen += levels.shape[1]

    def colours(self) -> Palette | None:
        """Return the palette, or None where the keyframes are shaded or show no paint."""
        kept = np.array([key for key, count in self._counts.items() if count >= _RAREST * self._seen], np.int64)
        if not len(kept) or sum(self._counts[key] for key in kept.tolist()) < _FLAT * self._seen:
            return None
        levels = (kept[:, None] >> (16 * np.arange(3))) & _DEPTH
        return Palette(torch.from_numpy(levels).float() / _DEPTH)
