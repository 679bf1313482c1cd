"""Noise by name, so that window, batch and hardware do not change the picture."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor

__all__ = ["FrameNoise"]

_STRIDE = 0x9E3779B97F4A7C15  # 2^64 / golden ratio: neighbouring names get unrelated seeds


@dataclass(frozen=True)
class FrameNoise:
    """Gaussian noise for the frames of a film: the same seed and name give the same noise everywhere."""

    seed: int = 0

    def draw(self, names: Iterable[int], shape: tuple[int, ...]) -> Tensor:
        """Return noise ``[len(names), *shape]``, float32, drawn on the CPU: the same for the same name."""
        asked = tuple(names)
        drawn = {name: self._one(name, shape) for name in dict.fromkeys(asked)}
        return torch.stack([drawn[name] for name in asked])

    def _one(self, name: int, shape: tuple[int, ...]) -> Tensor:
        generator = torch.Generator().manual_seed((self.seed + _STRIDE * (name + 1)) % 2**63)
        return torch.randn(shape, generator=generator)
