"""Deterministic DDIM (Song et al., 2021) on diffusers' scheduler, differentiable through every step."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import torch
from diffusers import DDIMScheduler
from torch import Tensor

__all__ = ["Denoise", "Prediction", "Schedule"]

Prediction = Literal["epsilon", "sample"]
Denoise = Callable[[Tensor, Tensor], Tensor]
"""Network with its conditions bound: (noisy ``[B, 3, H, W]``, time steps ``[B]``) to its prediction."""


@dataclass(frozen=True)
class Schedule:
    """A linear noise schedule of ``timesteps`` steps, and what the network predicts.

    The betas run from 0.1 / T to 20 / T, DDPM's values at T = 1000, so that the last step is almost pure
    noise at any T.
    """

    timesteps: int = 500
    prediction: Prediction = "epsilon"

    def scheduler(self) -> DDIMScheduler:
        """Return diffusers' scheduler for this schedule."""
        return DDIMScheduler(
            num_train_timesteps=self.timesteps,
            beta_start=0.1 / self.timesteps,
            beta_end=20 / self.timesteps,
            beta_schedule="linear",
            prediction_type=self.prediction,
            timestep_spacing="trailing",
        )

    def target(self, clean: Tensor, noise: Tensor) -> Tensor:
        """Return what the network should predict of a noised picture."""
        return noise if self.prediction == "epsilon" else clean

    def sample(self, denoise: Denoise, noise: Tensor, steps: int) -> Tensor:
        """Return pictures in [-1, 1], denoised from ``noise`` ``[B, 3, H, W]`` in ``steps`` DDIM steps.

        Raises:
            ValueError: ``steps`` is not between 1 and the schedule's number of time steps.
        """
        if not 1 <= steps <= self.timesteps:
            raise ValueError(f"DDIM takes 1 to {self.timesteps} steps, got {steps}")
        scheduler = self.scheduler()
        scheduler.set_timesteps(steps)
        times = scheduler.timesteps.tolist()
        levels = [*scheduler.alphas_cumprod[times].tolist(), 1.0]
        noisy = noise
        # Our own step: diffusers' goes T // steps time steps down, past the next of ``times`` where that does not
        # divide T, and leaves noise in the picture at the end.
        for step, (here, there) in zip(times, pairwise(levels), strict=True):
            time = torch.full(noisy.shape[:1], step, device=noisy.device)
            clean, rest = self._split(denoise(noisy, time), noisy, here)
            noisy = there**0.5 * clean.clamp(-1, 1) + (1 - there) ** 0.5 * rest  # Song et al., equation 12, sigma 0
        return noisy

    def _split(self, predicted: Tensor, noisy: Tensor, level: float) -> tuple[Tensor, Tensor]:
        """Return the clean picture and the noise that ``noisy`` is made of at ``level`` (alpha bar)."""
        signal, spread = level**0.5, (1 - level) ** 0.5
        if self.prediction == "epsilon":
            return (noisy - spread * predicted) / signal, predicted
        return predicted, (noisy - signal * predicted) / spread
