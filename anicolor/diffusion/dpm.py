"""DPM-Solver++ (Lu et al., 2022) of second order on Karras's noise levels, on diffusers' scheduler."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from diffusers import DPMSolverMultistepScheduler
from torch import Tensor

from anicolor.diffusion.ddim import Denoise

__all__ = ["Aim", "LatentSchedule"]

Aim = Literal["epsilon", "v_prediction"]
"""What a network predicts: the noise, or the velocity (Salimans and Ho, 2022, appendix D). Diffusers' words."""


@dataclass(frozen=True)
class LatentSchedule:
    """Stable Diffusion's schedule: betas of ``timesteps`` steps, linear in their square roots, from first to last.

    ``aim`` is what the network predicts.
    """

    timesteps: int = 1000
    betas: tuple[float, float] = (0.00085, 0.012)
    aim: Aim = "epsilon"

    def scheduler(self) -> DPMSolverMultistepScheduler:
        """Return diffusers' scheduler for this schedule; it keeps the steps behind it, so each sampling needs its own.

        Source: Lu et al., algorithm 2 (2M); Karras et al., equation 5, for the noise levels.
        """
        first, last = self.betas
        return DPMSolverMultistepScheduler(
            num_train_timesteps=self.timesteps,
            beta_start=first,
            beta_end=last,
            beta_schedule="scaled_linear",
            solver_order=2,
            prediction_type=self.aim,
            algorithm_type="dpmsolver++",
            use_karras_sigmas=True,
        )

    def noised(self, clean: Tensor, noise: Tensor, time: Tensor) -> Tensor:
        """Return ``clean`` ``[B, ...]`` as it is at the time steps ``[B]``, with ``noise`` of its shape."""
        signal, spread = self._weights(clean, time)
        return signal * clean + spread * noise

    def target(self, clean: Tensor, noise: Tensor, time: Tensor) -> Tensor:
        """Return what the network should predict of ``clean`` with ``noise`` ``[B, ...]`` at the time steps ``[B]``."""
        signal, spread = self._weights(clean, time)
        return noise if self.aim == "epsilon" else signal * noise - spread * clean

    def sample(self, denoise: Denoise, noise: Tensor, steps: int) -> Tensor:
        """Return what ``steps`` steps make of ``noise`` ``[B, C, h, w]``.

        Raises:
            ValueError: ``steps`` is not between 1 and the schedule's number of time steps.
        """
        if not 1 <= steps <= self.timesteps:
            raise ValueError(f"DPM-Solver++ takes 1 to {self.timesteps} steps, got {steps}")
        scheduler = self.scheduler()
        scheduler.set_timesteps(steps)
        scheduler.set_begin_index(0)  # of a time that rounding has doubled it would begin with the second
        noisy = noise
        for time in scheduler.timesteps:
            predicted = denoise(noisy, torch.full(noisy.shape[:1], int(time), device=noisy.device))
            noisy = scheduler.step(predicted.float(), time, noisy).prev_sample
        return noisy

    def _weights(self, clean: Tensor, time: Tensor) -> tuple[Tensor, Tensor]:
        """Return the shares of picture and noise at the time steps ``[B]``, in a shape to multiply ``clean`` with."""
        bars = self.scheduler().alphas_cumprod.to(clean.device)[time].view(-1, *[1] * (clean.ndim - 1))
        return bars.sqrt(), (1 - bars).sqrt()
