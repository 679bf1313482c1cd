"""Time steps as vectors.

Source: Vaswani et al., "Attention Is All You Need", section 3.5, as Ho et al., "Denoising Diffusion Probabilistic
Models", use it for the steps of a diffusion.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

__all__ = ["sinusoids"]


def sinusoids(time: Tensor, channels: int) -> Tensor:
    """Return ``[B, channels]``: cosines and sines of the time steps ``[B]`` at rates from 1 to 1 / 10,000."""
    half = channels // 2
    rates = torch.exp(-math.log(10_000) * torch.arange(half, device=time.device) / half)
    angles = time[:, None].float() * rates
    return torch.cat((angles.cos(), angles.sin()), dim=1)
