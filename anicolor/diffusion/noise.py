"""Noise seeded per frame, so that window, batch and hardware do not change the picture."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor

__all__ = ["FrameNoise"]

_STRIDE = 0x9E3779B97F4A7C15  # 2^64 / golden ratio: neighbouring frames get unrelated seeds


@dataclass(frozen=True)
class FrameNoise:
    """Gaussian noise for the frames of a film: the same seed and frame give the same noise everywhere."""

    seed: int = 0

    def draw(self, frames: Iterable[int], shape: tuple[int, ...]) -> Tensor:
        """Return noise ``[len(frames), *shape]``, float32, drawn on the CPU."""
        return torch.stack([self._one(frame, shape) for frame in frames])

    def _one(self, frame: int, shape: tuple[int, ...]) -> Tensor:
        generator = torch.Generator().manual_seed((self.seed + _STRIDE * (frame + 1)) % 2**63)
        return torch.randn(shape, generator=generator)
